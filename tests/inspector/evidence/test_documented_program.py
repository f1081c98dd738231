"""Tests that the short program in docs/evidence.md checks a run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_runs import make_run

PAGE = Path(__file__).parents[3] / "docs" / "evidence.md"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path_factory.mktemp("program") / "check.py"
    path.write_text(text)
    return path


def check(program: Path, out: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(out)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def test_the_program_accepts_a_run_and_names_what_changed(program: Path, tmp_path: Path) -> None:
    out = make_run(tmp_path, frames=10)
    assert check(program, out) == (0, "whole")
    log = out / "inspections.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:3], lines[3].replace(b"FAIL", b"PASS"), *lines[4:]]))
    assert check(program, out) == (1, "line 4 was changed")
    log.write_bytes(b"".join(lines[:-2]))
    assert check(program, out) == (1, "summary.json was changed, or lines are missing")
    log.write_bytes(b"".join(lines))
    for name in ("annotated.mp4", "defects.csv", "snapshots/frame_00000009_FAIL.jpg"):
        data = (out / name).read_bytes()
        for at in (5, len(data) // 2):
            (out / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert check(program, out) == (1, f"{name} was changed")
        (out / name).write_bytes(data)
    assert check(program, out) == (0, "whole")
