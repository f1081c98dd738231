"""Pictures, videos and runs of moving parts for the tests of whole runs."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from flow_rig import write_clip
from record_schema import check_log

from inspector.core.arrays import Image
from run_inspector import main

HW = (192, 256)


def part_picture(x: int | None, *, defect: bool = False) -> Image:
    """A grey scene, with a bright part of 60 px at x. The fake engine finds its dark spot."""
    picture = np.full((*HW, 3), 150, np.uint8)
    if x is not None:
        cv2.rectangle(picture, (x - 30, 60), (x + 30, 130), (230, 230, 230), -1)
        if defect:
            cv2.circle(picture, (x, 95), 14, (0, 0, 0), -1)
    return picture


def write_belt(path: Path, bad_parts: Sequence[int], count: int = 6) -> Path:
    """A video in which parts 0 to count - 1 pass, one every 15 frames, from left to right."""
    pictures = []
    for frame in range(15 * count + 8):
        part, x = frame // 15, 20 * (frame % 15)
        pictures.append(part_picture(x if part < count else None, defect=part in bad_parts))
    return write_clip(path, [part_picture(None), *pictures])


def run_parts(
    folder: Path, source: Path | str, parts: Mapping[str, Any], *arguments: str, code: int = 0
) -> Path:
    """Runs the program with the fake engine and a section `parts`. Returns the output folder."""
    return run_config(
        folder,
        {"source": {"uri": str(source)}, "parts": {"enabled": True, **parts}},
        *arguments,
        code=code,
    )


def run_config(folder: Path, values: Mapping[str, Any], *arguments: str, code: int = 0) -> Path:
    out = folder / "out"
    shared = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(out), "video": {"enabled": False}},
        "log": {"path": None},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(shared | dict(values)))
    assert main(["--config", str(path), *arguments]) == code
    return out


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def read_lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of one type; the whole log fits the schema."""
    records = check_log(folder / "inspections.jsonl")
    return [record for record in records if record["type"] == kind]
