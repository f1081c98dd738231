"""Tests of the form of the tables of a run: separator, decimal mark and byte order mark."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest

from calibration.plane import Calibration
from calibration.store import save_calibration
from inspector.core.tables import find_separator, read_number, read_text
from run_inspector import main

HW = (240, 320)


def run(folder: Path, *settings: str) -> int:
    scale = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(scale, folder / "line.yaml")
    argv = ["--source", "synthetic", "--output", str(folder / "out"), "--no-video"]
    argv += ["--calibration", str(folder / "line.yaml")]
    for value in (
        "source.frame_size=320x240",
        "source.synthetic.frames=12",
        "source.synthetic.defect_rate=0.5",
        "engine.backend=fake",
        "engine.allow_aspect=true",
        "verdict.pixel_threshold=0.52",
        "measure.refine=false",
        "log.path=null",
        "tracking.direction=up",
        *settings,
    ):
        argv += ["--set", value]
    return main(argv)


def read_table(path: Path) -> list[dict[str, Any]]:
    """Rows with numbers as floats."""
    text = path.read_bytes().decode("utf-8-sig")
    separator = find_separator(text.split("\n", 1)[0])
    rows = csv.DictReader(text.splitlines(), delimiter=separator)
    return [{name: plain(cell, separator) for name, cell in row.items()} for row in rows]


def plain(cell: str, separator: str) -> float | str:
    try:
        return read_number(cell, separator)
    except ValueError:
        return read_text(cell)


FROM_CLOCK = {"run_id", "event_id", "captured_ns", "wall_time_utc", "track_id"}
"""Columns that differ in every run."""


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in FROM_CLOCK} for row in rows]


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize(
    ("form", "separator", "decimal"),
    [
        ('{separator: ";", decimal: ",", bom: true}', ";", ","),
        ('{separator: tab, decimal: ","}', "\t", ","),
        ('{separator: ";"}', ";", "."),
    ],
)
def test_every_form_has_the_same_content(
    tmp_path: Path, form: str, separator: str, decimal: str, tracked: bool
) -> None:
    tables = []
    for name, settings in (("plain", ()), ("form", (f"output.csv={form}",))):
        (tmp_path / name).mkdir()
        tracking = f"tracking.enabled={str(tracked).lower()}"
        assert run(tmp_path / name, tracking, *settings) == 0
        out = tmp_path / name / "out"
        tables.append([read_table(out / f"{table}.csv") for table in ("sightings", "defects")])
    for usual, other in zip(*tables, strict=True):
        assert usual
        assert comparable(usual) == comparable(other)
    for table in ("sightings", "defects"):
        content = (tmp_path / "form" / "out" / f"{table}.csv").read_bytes()
        assert content.startswith(b"\xef\xbb\xbf") == ("bom: true" in form)
        assert separator.encode() in content.split(b"\r\n")[0]
    lengths = [row["length_mm"] for row in tables[1][0] if row["defect_id"] != ""]
    assert any(math.modf(length)[0] for length in lengths)
    assert f"{decimal}".join(str(lengths[0]).split(".")) in content_of(tmp_path)


def content_of(folder: Path) -> str:
    return (folder / "form" / "out" / "sightings.csv").read_text(encoding="utf-8-sig")


def test_the_same_mark_for_cells_and_decimals_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, 'output.csv={decimal: ","}') == 2
    message = capsys.readouterr().err
    assert "output.csv: separator and decimal are both a comma" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["{separator: x}", "{decimal: ;}", "{separator: .}"])
def test_another_mark_is_refused(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, f"output.csv={value}") == 2
    assert "output.csv." in capsys.readouterr().err
