"""Tests a service that gets a new output folder at each start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flow_rig import RESULTS, write_config
from run_process import PACED, ROOT, start, wait_for_end

import run_inspector
from inspector.outputs.json_log import read_log

SHORT = ["--source", "synthetic", "--set", "source.synthetic.frames=5"]
SHORT += ["--set", "source.frame_size=64x48", "--set", "engine.backend=fake"]


def folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir()) if parent.exists() else []


def test_after_each_kill_the_same_command_starts_and_keeps_the_evidence(tmp_path: Path) -> None:
    pattern = tmp_path / "runs" / "{number}"
    evidence: dict[Path, bytes] = {}
    for number in range(1, 4):
        process = start(pattern, *PACED, log="null")
        log = tmp_path / "runs" / f"{number:04d}" / "inspections.jsonl"
        while not (log.exists() and log.read_bytes().count(b"measured") > 10):
            assert process.poll() is None
        process.kill()
        wait_for_end(process)
        evidence[log] = log.read_bytes()
        assert all(path.read_bytes() == content for path, content in evidence.items())
    process = start(pattern, *SHORT, "--overwrite", log="null")
    code, stderr = wait_for_end(process)
    assert code == 0
    last = folders(tmp_path / "runs")[-1]
    assert last.name == "0004"
    assert sorted(p.name for p in last.iterdir()) == RESULTS
    assert str(last) in stderr
    assert json.loads((last / "summary.json").read_text())["output_dir"] == str(last)
    assert read_log(last / "inspections.jsonl")[0]["output_dir"] == str(last)
    assert all(path.read_bytes() == content for path, content in evidence.items())


def test_processes_that_start_in_the_same_second_do_not_meet(tmp_path: Path) -> None:
    pattern = tmp_path / "runs" / "{date}"
    processes = [start(pattern, *SHORT, log="null") for _ in range(3)]
    assert [wait_for_end(process)[0] for process in processes] == [0, 0, 0]
    results = folders(tmp_path / "runs")
    assert len(results) == 3
    assert all(sorted(p.name for p in folder.iterdir()) == RESULTS for folder in results)


@pytest.mark.parametrize("start_fails", [False, True])
def test_several_sources_share_the_new_folder(tmp_path: Path, start_fails: bool) -> None:
    entry = {"uri": "synthetic", "frame_size": "64x48", "synthetic": {"frames": 4}}
    sources = [{"name": name, "source": dict(entry)} for name in ("left", "right")]
    if start_fails:
        sources[1]["source"] = {"uri": str(tmp_path / "missing.mp4")}
    config = write_config(tmp_path, sources, output={"dir": f"{tmp_path}/runs/{{run_id}}"})
    code = run_inspector.main(["--config", str(config)])
    if start_fails:
        assert code == 2
        assert folders(tmp_path / "runs") == []
        return
    assert code == 0
    (folder,) = folders(tmp_path / "runs")
    assert [p.name for p in folders(folder)] == ["left", "right"]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["output_dir"] == str(folder)
    assert folder.name == summary["run_id"]


@pytest.mark.parametrize(
    "fault", [["--source", "missing.mp4"], ["--set", "engine.backend=onnx", "--engine", "no.onnx"]]
)
def test_a_run_that_cannot_start_leaves_no_folder(tmp_path: Path, fault: list[str]) -> None:
    argv = [*SHORT, "--output", f"{tmp_path}/runs/{{date}}/{{time}}", "--set", "log.path=null"]
    done = subprocess.run(
        [sys.executable, "run_inspector.py", *argv, *fault], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 2
    assert folders(tmp_path / "runs") == []
