"""Tests whole runs with remote outputs: their outboxes, and outputs that refuse to start."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from flow_rig import good_picture, write_pictures
from line_outputs import ENTRY, LineServer
from record_server import RecordServer

from inspector.app import main
from inspector.core.files import sole_writer
from inspector.outputs.kinds import OUTPUTS
from tools.verify import main as verify


@pytest.fixture(autouse=True)
def _lines_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OUTPUTS, "lines", ENTRY)


def write_config(folder: Path, **sections: Any) -> Path:
    values: dict[str, Any] = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
        "log": {"path": None},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values | sections))
    return path


def entry(folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    """An output whose outbox is in the folder `outbox`."""
    queue = {"dir": str(folder / "outbox"), "drain_s": 3}
    return {"kind": "lines", "port": port, "queue": queue} | changes


def make_source(folder: Path, count: int) -> dict[str, str]:
    """Writes good pictures. Returns the section `source` that reads them."""
    return {"uri": str(write_pictures(folder, [good_picture(i) for i in range(count)]))}


def test_a_locked_outbox_ends_the_run_before_old_results_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(tmp_path / "pictures", 3)
    assert main(["--config", str(write_config(tmp_path, source=source))]) == 0
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert json.loads(before["summary.json"])["captured"] == 3
    config = write_config(tmp_path, source=source, outputs=[entry(tmp_path, 9)])
    with sole_writer(tmp_path / "outbox" / "lines"):
        assert main(["--config", str(config), "--overwrite"]) == 2
    assert "another run is writing to" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_the_remote_outputs_of_each_source_receive_its_records(tmp_path: Path) -> None:
    """The names of source and output are chosen so that "a" + "b-c" and "a-b" + "c" look alike."""
    server = LineServer()
    frames = {"a": 2, "a-b": 3, "main": 4}
    config = write_config(
        tmp_path,
        sources=[
            {"name": name, "source": make_source(tmp_path / f"pictures_{name}", count)}
            for name, count in frames.items()
        ],
        outputs=[entry(tmp_path, server.port, name=name) for name in ("b-c", "c")],
    )
    assert main(["--config", str(config)]) == 0
    server.stop()
    outboxes = [path.parent for path in (tmp_path / "outbox").rglob("records.sqlite")]
    assert {str(path.relative_to(tmp_path / "outbox")) for path in outboxes} == {
        f"{source}/{output}" for source in frames for output in ("b-c", "c")
    }
    for name, count in frames.items():
        received = [
            record["frame_id"]
            for record in server.records
            if record["source"] == name and record["type"] == "verdict"
        ]
        assert set(received) == set(range(count))
        summary = json.loads((tmp_path / "out" / name / "summary.json").read_text())
        assert list(summary["outputs"]) == [f"{name}/b-c", f"{name}/c"]
        assert {counts["delivered"] for counts in summary["outputs"].values()} == {2 * count}


def test_a_remote_output_receives_the_records_of_the_log_with_their_chain_values(
    tmp_path: Path,
) -> None:
    """Two outputs take the lines before the log does; checkpoints are sent, too."""
    server = LineServer()
    config = write_config(
        tmp_path,
        source=make_source(tmp_path / "pictures", 6),
        evidence={"checkpoint_frames": 3},
        outputs=[entry(tmp_path, server.port, name=name) for name in ("b", "c")],
    )
    assert main(["--config", str(config)]) == 0
    server.stop()
    lines = (tmp_path / "out" / "inspections.jsonl").read_text().splitlines()
    written = {record["seq"]: record for record in map(json.loads, lines[1:])}
    assert [r["type"] for r in written.values()].count("checkpoint") == 2
    assert len(server.records) >= 2 * len(written)
    assert all(record == written[record["seq"]] for record in server.records)
    assert verify([str(tmp_path / "out")]) == 0


def test_a_web_server_receives_the_records_and_no_file_has_its_token(tmp_path: Path) -> None:
    server = RecordServer()
    (tmp_path / "token").write_text("very-secret-4711\n")
    url, token = f"http://127.0.0.1:{server.port}/", f"${{file:{tmp_path / 'token'}}}"
    queue = {"dir": str(tmp_path / "outbox")}
    config = write_config(
        tmp_path,
        source=make_source(tmp_path / "pictures", 6),
        outputs=[{"kind": "webhook", "url": url, "token": token, "queue": queue}],
    )
    assert main(["--config", str(config)]) == 0
    server.stop()
    (tmp_path / "token").unlink()
    lines = (tmp_path / "out" / "inspections.jsonl").read_text().splitlines()
    received = [record for each in server.received for record in each.records]
    assert received == [json.loads(line) for line in lines[1:]]
    assert {each.headers["Authorization"] for each in server.received} == {
        "Bearer very-secret-4711"
    }
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"very-secret" in content for content in files)


def test_an_unknown_output_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(tmp_path / "pictures", 3)
    config = write_config(tmp_path, source=source, outputs=[{"kind": "fax", "name": "office"}])
    assert main(["--config", str(config)]) == 2
    assert "outputs[0].kind must be one of mqtt, webhook" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
