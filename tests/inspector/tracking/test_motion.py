"""Tests of the motion from a line speed and from an encoder."""

from pathlib import Path

import pytest
from web_scenes import inspect

from inspector.core.errors import ConfigError
from inspector.core.tables import CsvOptions, csv_head, csv_row
from inspector.tracking.motion import Motion, MotionState, SpeedMotion, read_encoder

ROWS = "time_s,position_mm\n0,0\n1,10\n2,30\n3,30\n4,20\n"


def steps(source: object, numbers: list[int]) -> list[Motion]:
    """inspect(n) has the time n / 10 s."""
    return [source.step(inspect(n).frame, usable=True) for n in numbers]  # type: ignore[attr-defined]


def test_a_constant_speed_also_bridges_dropped_frames() -> None:
    motions = steps(SpeedMotion(50.0, live=False), [0, 1, 2, 7])
    assert [m.along for m in motions] == pytest.approx([0, 5, 5, 25])
    assert all(m.state is MotionState.KNOWN for m in motions)
    assert motions[3].u == pytest.approx(0.25)


@pytest.mark.parametrize("live", [False, True])
def test_positions_of_an_encoder_are_interpolated(live: bool, tmp_path: Path) -> None:
    path = tmp_path / "encoder.csv"
    path.write_text(ROWS)
    motions = steps(read_encoder(path, live=live), [0, 5, 10, 15, 30, 40])
    assert [m.along for m in motions] == pytest.approx([0, 5, 5, 10, 10, -10])
    assert {m.state for m in motions} == {MotionState.KNOWN}


@pytest.mark.parametrize(
    "options",
    [CsvOptions(";", ","), CsvOptions("tab", ","), CsvOptions(";", ".", bom=True)],
    ids=str,
)
def test_a_file_of_another_country_gives_the_same_motion(
    options: CsvOptions, tmp_path: Path
) -> None:
    path = tmp_path / "encoder.csv"
    rows = [(0, -0.5), (10.5, 1.25), (30, 1234.75)]
    text = csv_head(["time_s", "position_mm"], options)
    path.write_text(text + "".join(csv_row(row, options) for row in rows), encoding="utf-8")
    motions = steps(read_encoder(path, live=False), [0, 105, 300])
    assert [m.along for m in motions] == pytest.approx([0, 1.75, 1233.5])


def test_times_outside_the_file_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "encoder.csv"
    path.write_text(ROWS)
    motions = steps(read_encoder(path, live=False), [0, 10, 50])
    assert [m.state for m in motions] == [MotionState.KNOWN, MotionState.KNOWN, MotionState.UNKNOWN]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s\n1\n2\n", "must have the columns"),
        ("time_s,position_mm\n1,a\n", "must have the columns"),
        ("time_s,position_mm\n1,2\n", "at least two rows"),
        ("time_s,position_mm\n1,2\n1,3\n", "must grow"),
        ("time_s,position_mm\n1,2\n2,inf\n", "finite"),
        ("time_s;position_mm\n1;2\n2;1.234,5\n", "must have the columns"),
        ("time_s;position_mm\n1;2\n2\n", "must have the columns"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "encoder.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_encoder(path, live=False)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_encoder(tmp_path / "none.csv", live=False)
