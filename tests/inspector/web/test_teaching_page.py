"""Tests the page on which engines learn from feedback."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from desk import FakeLine, Site, line_state, source_state

from engines.engine_changes import candidate_path, history_folder
from engines.spec_file import file_hash, read_spec
from evaluation.teaching.comparison import EngineComparison, ScoredTwice, StoredPicture
from evaluation.teaching.page import write_page
from evaluation.teaching.wording import plain_comparison
from inspector.service.line_state import RefitState
from inspector.store.database import Store
from inspector.web import teaching_page
from inspector.web.options import WebViewOptions

PATH = "/teaching"
CHANGE = {
    "utc": "2026-01-31T12:00:00.000Z",
    "action": "accept",
    "who": "m.weber",
    "why": "new batch",
    "old_sha256": "a" * 64,
    "new_sha256": "b" * 64,
}


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "bolt.onnx"
    path.write_bytes(b"engine")
    return path


@pytest.fixture
def taught(filled_store: Store, engine: Path) -> Site:
    """The view of a line with two cameras that share an engine."""
    sources = (source_state("a", engine=str(engine)), source_state("b", engine=str(engine)))
    return Site(WebViewOptions(port=0), filled_store, FakeLine(line_state(sources=sources)))


def write_candidate(engine: Path, good: Path) -> None:
    """What a refit writes beside the engine. good: any engine file."""
    spec = read_spec(good)
    candidate = candidate_path(engine)
    candidate.write_bytes(b"candidate")
    lost = ScoredTwice(StoredPicture(engine, "frame 3", "missed"), 1e9, -1e9, False)
    values = {"comparison": plain_comparison(EngineComparison(spec, spec, (lost,), ()))}
    candidate.with_suffix(".json").write_text(json.dumps(values))
    write_page(EngineComparison(spec, spec, (), ()), candidate.with_suffix(".html"), ())


def kinds(site: Site) -> list[str | None]:
    inputs = site.page("/teaching").every("input")
    return [field["value"] for field in inputs if field["name"] == "kind"]


def test_an_engine_without_a_candidate_can_only_be_refitted(taught: Site, engine: Path) -> None:
    page = taught.page("/teaching")
    assert "bolt.onnx (a, b)" in page.text
    assert kinds(taught) == ["refit"]
    taught.page(f"/teaching/comparison?engine={engine}", 404)


def test_a_candidate_shows_what_it_changes(taught: Site, engine: Path, engine_file: Path) -> None:
    write_candidate(engine, engine_file)
    page = taught.page("/teaching")
    spec = read_spec(engine_file)
    assert f"{spec.trained_on['count']} good pictures instead of" in page.text
    assert "0 turn from PASS to FAIL" in page.text
    assert "Warning: known defects that FAIL now and would PASS: 1." in page.text
    assert kinds(taught) == ["accept_engine", "refit"]
    answer = taught.client.get(f"/teaching/comparison?engine={engine}")
    assert "Candidate of" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.endswith("; sandbox")
    assert "script" not in policy


def test_a_candidate_whose_comparison_is_not_written_yet_says_so(
    taught: Site, engine: Path
) -> None:
    candidate_path(engine).write_bytes(b"candidate")
    assert "The comparison is not ready yet." in taught.page("/teaching").text
    taught.page(f"/teaching/comparison?engine={engine}", 404)


def test_an_exchange_can_be_undone(taught: Site, engine: Path) -> None:
    history_folder(engine).mkdir()
    (history_folder(engine) / "changes.jsonl").write_text(json.dumps(CHANGE) + "\n")
    assert "new batch" in taught.page("/teaching").text
    assert kinds(taught) == ["refit", "undo_engine"]


@pytest.mark.parametrize("name", ["changes.jsonl", "bolt.candidate.json"])
def test_damaged_files_are_a_sentence(taught: Site, engine: Path, name: str) -> None:
    candidate_path(engine).write_bytes(b"candidate")
    history_folder(engine).mkdir()
    folder = history_folder(engine) if name == "changes.jsonl" else engine.parent
    (folder / name).write_text("{")
    assert taught.client.get("/teaching").status_code == 503


def test_a_refit_says_how_far_it_is(filled_store: Store, engine: Path) -> None:
    line = FakeLine()
    site = Site(WebViewOptions(port=0), filled_store, line)
    refit = RefitState(str(engine), "2026-01-31T12:00:00.000Z", True, "refit: features, 9 of 30")
    line.current = line_state(refit=refit)
    assert "The refit of bolt.onnx is working: refit: features, 9 of 30." in site.page(PATH).text
    state = site.client.get("/api/state").json()
    assert state["refit_text"] == "The refit of bolt.onnx is working: refit: features, 9 of 30."
    assert state["refit"]["engine"] == "bolt.onnx"
    line.current = line_state(refit=replace(refit, is_working=False, text="it failed: no memory"))
    assert "The refit of bolt.onnx has ended: it failed: no memory." in site.page(PATH).text


def test_an_engine_is_hashed_again_only_if_its_file_changes(
    taught: Site, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return file_hash(path)

    monkeypatch.setattr(teaching_page, "file_hash", count)
    for content in (b"another engine", b"a third engine!"):
        engine.write_bytes(content)
        expected = hashlib.sha256(content).hexdigest()
        for _ in range(3):
            assert expected in [field.get("value") for field in taught.page(PATH).every("input")]
    assert hashed == [engine, engine]


def test_only_engines_of_the_line_are_shown(taught: Site, engine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    candidate_path(other).write_bytes(b"candidate")
    candidate_path(other).with_suffix(".html").write_text("secret")
    for path in (str(other), f"{engine.parent}/../{tmp_path.name}/other.onnx", "", "bolt.onnx"):
        answer = taught.client.get("/teaching/comparison", params={"engine": path})
        assert answer.status_code == 404


def test_a_locked_line_teaches_nothing(filled_store: Store, engine: Path) -> None:
    line = FakeLine(line_state(mode="locked", sources=(source_state(engine=str(engine)),)))
    page = Site(WebViewOptions(port=0), filled_store, line).page("/teaching")
    buttons = page.every("button")
    assert buttons
    assert all("disabled" in button for button in buttons)
    assert "The mode is locked" in page.text
