"""Changes the log of a run, and replays a run in this process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flow_rig import HW

from calibration.plane import Calibration
from calibration.store import save_calibration
from tools.replay import main as replay_main

Record = dict[str, Any]


def read_records(folder: Path) -> list[Record]:
    lines = (folder / "inspections.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def edit_log(folder: Path, edit: Callable[[list[Record]], list[Record]]) -> None:
    records = edit(read_records(folder))
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    (folder / "inspections.jsonl").write_text(text)


def edit_header(folder: Path, edit: Callable[[Record], None]) -> None:
    def change(records: list[Record]) -> list[Record]:
        edit(records[0])
        return records

    edit_log(folder, change)


def cut_log(folder: Path, keep: int, rest: int = 20) -> None:
    """Leaves the state after kill -9: `keep` complete lines, some bytes of the next line, and no
    summary."""
    path = folder / "inspections.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:keep]) + lines[keep][:rest])
    (folder / "summary.json").unlink()


def write_scale(path: Path, mm_per_px: float) -> Path:
    """Writes a calibration for frames of the clip of the flow tests."""
    scale = (mm_per_px, mm_per_px)
    calibration = Calibration("scale", HW, "test", "2026-01-31", mm_per_px=scale)
    save_calibration(calibration, path)
    return path


class Replay:
    """Exit code, printed text and folder of a replay."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
        capsys.readouterr()
        self.code = replay_main(list(map(str, arguments)))
        printed = capsys.readouterr()
        self.text, self.stderr = printed.out, printed.err

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()
