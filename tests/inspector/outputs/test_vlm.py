"""Tests the output to a vision language model against a real HTTP server."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from chat_server import GOOD, ChatServer, completion
from explained_scenes import as_image, disc, inspected, outlined, paint, right_half, surface
from log_lines import warnings_of
from output_parts import FlatPicture, run_info

from inspector.core.errors import ConfigError
from inspector.core.types import Inspection
from inspector.core.web_place import WebPlace
from inspector.explain.explainer import Explainer
from inspector.explain.options import ExplainOptions, VlmOptions
from inspector.outputs.chat_client import MOST_BYTES
from inspector.outputs.sender import RefusedError
from inspector.outputs.vlm import GREY, MOST_LETTERS, VlmOutput, check_answer, mask_outside
from inspector.render.close_up import cut_out

PICTURE = FlatPicture()


@pytest.fixture(autouse=True)
def _end_runs_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspector.outputs.vlm.DRAIN_S", 0.2)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def failing() -> Inspection:
    shares = [disc(90, 120, 16), disc(180, 60, 12)]
    picture = surface()
    for share in shares:
        picture = paint(picture, share, (-0.4,) * 3)
    item = inspected(as_image(picture), *(outlined(share) for share in shares))
    return replace(Explainer(ExplainOptions(enabled=True)).explain(item), seq=7)


def make_output(server: ChatServer, folder: Path, **more: Any) -> VlmOutput:
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "inspections.jsonl").touch()
    values = {"url": server.url, "model": "m", "dir": str(folder / "box"), "timeout_s": 5.0} | more
    output = VlmOutput(VlmOptions(**values), None)
    output.open(replace(run_info(), output_dir=folder / "run"))
    return output


def run(server: ChatServer, folder: Path, *inspections: Inspection, **more: Any) -> VlmOutput:
    output = make_output(server, folder, **more)
    for inspection in inspections:
        output.write(inspection, PICTURE)
    output.close()
    return output


def answers(folder: Path) -> list[dict[str, Any]]:
    path = folder / "run" / "generated.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_each_defect_is_asked_about_and_the_answers_are_marked(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    output = run(server, tmp_path, failing)
    assert output.counts()["delivered"] == 2
    assert server.paths == ["/v1/chat/completions"] * 2
    assert server.keys == [None, None]
    lines = answers(tmp_path)
    assert [line["defect_id"] for line in lines] == [0, 1]
    for line in lines:
        assert (line["generated"], line["model"], line["error"]) == (True, "m", None)
        assert {name: line[name] for name in GOOD} == GOOD
        assert line["event_id"].endswith("/main/8")


def test_the_question_has_the_picture_the_record_and_a_schema(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    run(server, tmp_path, failing)
    question = server.questions[0]
    assert question["model"] == "m"
    schema = question["response_format"]["json_schema"]["schema"]
    assert set(schema["required"]) == set(GOOD)
    facts, picture = question["messages"][1]["content"]
    assert json.loads(facts["text"])["explanation"]["kind"] == "spot"
    data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert min(image.shape[:2]) >= 48


def test_what_is_not_inspected_is_grey_in_the_picture(failing: Inspection) -> None:
    image, defect = failing.frame.image, failing.defects[1]
    assert image is not None
    part = cut_out(image, defect)
    masked = mask_outside(part, failing, right_half())
    edge = round(part.to_image.apply(np.array(((180.0, 60.0),)))[0, 0])
    assert (masked[:, :edge] == GREY).all()
    np.testing.assert_array_equal(masked[:, edge:], part.image[:, edge:])
    np.testing.assert_array_equal(mask_outside(part, failing, None), part.image)


def test_the_key_comes_from_the_environment_and_is_never_written(
    server: ChatServer,
    tmp_path: Path,
    failing: Inspection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_VLM_KEY", "sk-very-secret\n")  # as from a file of a secret
    server.status = 401
    with warnings_of() as heard:
        run(server, tmp_path, failing, key_env="MY_VLM_KEY")
    assert set(server.keys) == {"Bearer sk-very-secret"}
    text = "".join(heard)
    assert "HTTP 401" in text
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "sk-very-secret" not in text
    assert b"sk-very-secret" not in written


def test_a_missing_key_or_model_and_other_urls_are_refused(server: ChatServer) -> None:
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        VlmOutput(VlmOptions(url=server.url, model="m", key_env="NO_SUCH_KEY"), None)
    with pytest.raises(ConfigError, match="both url and model"):
        VlmOutput(VlmOptions(url=server.url), None)
    for url in (
        "localhost:8000",
        "ftp://localhost/v1",
        "http://",
        "http://h:x/",
        "http://u:p@h/v1",
        "http://h/v1?api-version=1",
    ):
        with pytest.raises(ConfigError, match=r"explain\.vlm\.url must look like"):
            VlmOutput(VlmOptions(url=url, model="m"), None)


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
def test_a_server_that_fails_leaves_the_questions_in_the_outbox(
    server: ChatServer, tmp_path: Path, failing: Inspection, status: int
) -> None:
    server.status, server.headers = status, {"Location": f"{server.url}/elsewhere"}
    output = make_output(server, tmp_path)
    output.write(failing, PICTURE)
    output.close()
    assert output.counts()["waiting"] == 2
    assert answers(tmp_path) == []
    assert set(server.paths) == {"/v1/chat/completions"}  # no redirect is followed
    server.status = 200
    later = run(server, tmp_path)
    assert later.counts() == {
        "waiting_at_start": 2,
        "appended": 0,
        "delivered": 2,
        "refused": 0,
        "dropped": 0,
        "waiting": 0,
    }
    assert len(answers(tmp_path)) == 2


def test_questions_to_a_server_that_is_away_wait(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    server.stop()
    output = run(server, tmp_path, failing)
    assert output.counts()["waiting"] == 2


def test_the_end_of_the_run_does_not_wait_for_a_server_that_stalls(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    server.stalls = True
    output = run(server, tmp_path, failing, timeout_s=600.0)
    assert output.counts()["waiting"] == 2
    assert not server.waited_out


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": {}}]}',
        b'{"choices": 5}',
        completion(None),
        completion([{"type": "text"}]),
        completion("It is a scratch."),
        completion("[" * 100_000),
        completion(json.dumps(GOOD) + " I hope this helps."),
        completion(json.dumps(GOOD | {"kind": "weld spatter"})),
        completion(json.dumps(GOOD | {"confidence": 0.9})),
        completion(json.dumps(GOOD | {"verdict": "PASS"})),
        completion(json.dumps({"kind": "scratch", "confidence": "high"})),
        completion(json.dumps(GOOD | {"description": 5})),
        completion(json.dumps(GOOD | {"description": "x" * (MOST_LETTERS + 1)})),
        completion(json.dumps(GOOD | {"description": "a\u001b[2Jb"})),
        b" " * (MOST_BYTES + 10),
    ],
    ids=range(20),
)
def test_an_answer_of_another_form_is_refused_once_and_the_run_goes_on(
    server: ChatServer, tmp_path: Path, failing: Inspection, body: bytes
) -> None:
    server.body = body
    output = run(server, tmp_path, failing)
    assert output.counts()["delivered"] == 2
    lines = answers(tmp_path)
    assert len(lines) == 2
    for line in lines:
        assert (line["kind"], line["description"]) == (None, None)
        assert "answer" in line["error"] or "description" in line["error"]


def test_a_question_that_the_server_refuses_is_not_sent_again(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    server.status = 413
    output = run(server, tmp_path, failing)
    assert output.counts()["delivered"] == 2
    assert len(server.questions) == 2
    assert {line["error"] for line in answers(tmp_path)} == {
        "the server refuses the question (HTTP 413)"
    }


def test_the_budget_limits_the_questions_of_a_minute(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    with warnings_of() as heard:
        output = run(server, tmp_path, failing, failing, per_minute=3)
    assert output.counts()["appended"] == 3
    assert "1 defects were not sent" in "".join(heard)
    assert run(server, tmp_path, failing, failing, per_minute=0).counts()["appended"] == 4


def test_defects_without_explanation_and_outlines_of_the_map_are_not_sent(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    plain, rough = failing.defects
    defects = (replace(plain, explanation=None), replace(rough, size_source="map"))
    output = run(server, tmp_path, replace(failing, defects=defects))
    assert output.counts()["appended"] == 0


def test_a_track_is_sent_once(server: ChatServer, tmp_path: Path, failing: Inspection) -> None:
    first, second = failing.defects
    seen = replace(first, web=WebPlace("run/main/d1", x_px=1.0, y_px=2.0))
    counted = replace(second, web=WebPlace(None, x_px=1.0, y_px=2.0))
    tracked = replace(failing, defects=(seen, counted))
    run(server, tmp_path, tracked, tracked)
    assert [line["track_id"] for line in answers(tmp_path)] == ["run/main/d1"]


def test_an_answer_for_a_run_whose_folder_is_gone_is_dropped(
    server: ChatServer, tmp_path: Path, failing: Inspection
) -> None:
    output = make_output(server, tmp_path)
    (tmp_path / "run" / "inspections.jsonl").unlink()
    output.write(failing, PICTURE)
    output.close()
    assert output.counts()["delivered"] == 2
    assert answers(tmp_path) == []


def test_text_in_an_answer_is_only_text() -> None:
    text = '<script>alert(1)</script> {model} & "quotes"'
    assert check_answer(json.dumps(GOOD | {"description": text})).description == text
    with pytest.raises(RefusedError):
        check_answer(json.dumps(GOOD | {"description": "two\nlines"}))
