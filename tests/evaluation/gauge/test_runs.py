"""Matching the defects of several runs. The logs are written by the sink of the inspector."""

from pathlib import Path

import pytest
from gauge_runs import spot, write_run

from evaluation.gauge.design import arrange
from evaluation.gauge.run_reading import read_sizes, read_verdicts
from inspector.core.errors import DataError
from inspector.core.types import Verdict


def test_each_run_is_a_trial_of_the_same_parts(tmp_path: Path) -> None:
    runs = [
        write_run(
            tmp_path / str(k),
            [
                [spot(100 + k, 50, 1.0 + k / 100), spot(300, 50 - k, 2.0 + k / 100)],
                [],
                [spot(20, 20, 3.0 + k / 100)],
            ],
        )
        for k in range(3)
    ]
    reading = read_sizes(runs, ["1"] * 3, "length", 25)
    assert (reading.unit, reading.unmatched, reading.warnings) == ("mm", [], [])
    design = arrange(reading.rows)
    assert design.parts == ("frame 0 #1", "frame 0 #2", "frame 2 #1")
    assert design.values[:, 0].tolist() == [[1.0, 1.01, 1.02], [2.0, 2.01, 2.02], [3.0, 3.01, 3.02]]


def test_pictures_are_matched_by_name_in_any_order(tmp_path: Path) -> None:
    one_way = write_run(tmp_path / "a", [[spot(9, 9, 1.0)], [spot(9, 9, 2.0)]], ["x.png", "y.png"])
    other = write_run(tmp_path / "b", [[spot(9, 9, 2.1)], [spot(9, 9, 1.1)]], ["y.png", "x.png"])
    design = arrange(read_sizes([one_way, other], ["1", "1"], "length", 25).rows)
    assert design.parts == ("x.png #1", "y.png #1")
    assert design.values[:, 0].tolist() == [[1.0, 1.1], [2.0, 2.1]]


def test_pictures_without_a_common_name_are_matched_by_order(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / n, [[spot(9, 9, 1.0)], [spot(9, 9, 2.0)]], [f"{n}1.png", f"{n}2.png"])
        for n in "ab"
    ]
    reading = read_sizes(runs, ["1", "1"], "length", 25)
    assert arrange(reading.rows).values[:, 0].tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert arrange(reading.rows).parts == ("a1.png #1", "a2.png #1")
    assert "matched by order" in reading.warnings[0]
    runs[1] = write_run(tmp_path / "c", [[spot(9, 9, 1.0)]], ["c1.png"])
    with pytest.raises(DataError, match="no picture name in common"):
        read_sizes(runs, ["1", "1"], "length", 25)


def test_appraisers_have_their_own_trials(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(k), [[spot(9, 9, 1 + k)], [spot(9, 9, 5)]]) for k in range(4)]
    design = arrange(read_sizes(runs, ["day", "night", "day", "night"], "length", 25).rows)
    assert design.appraisers == ("day", "night")
    assert design.values[0].tolist() == [[1, 3], [2, 4]]


def test_neighbours_are_matched_so_that_all_have_a_partner(tmp_path: Path) -> None:
    """Nearest first would match 110 with 100 and leave 90 and 130 without a partner."""
    first = write_run(tmp_path / "a", [[spot(90, 0, 1.0), spot(110, 0, 2.0)]])
    second = write_run(tmp_path / "b", [[spot(104, 0, 1.1), spot(130, 0, 2.1)]])
    reading = read_sizes([first, second], ["1", "1"], "length", 25)
    assert [row.value for row in reading.rows] == [1.0, 1.1, 2.0, 2.1]


def test_a_defect_that_is_not_in_every_run_is_named(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", [[spot(100, 50, 1.0), spot(300, 60, 2.0)]]),
        write_run(tmp_path / "b", [[spot(100, 50, 1.1), spot(340, 60, 2.1)]]),
        write_run(tmp_path / "c", [[spot(100, 50, 1.2), spot(300, 60, None)]]),
    ]
    reading = read_sizes(runs, ["1"] * 3, "length", 25)
    assert {row.part for row in reading.rows} == {"frame 0 #1"}
    assert reading.unmatched == [
        f"frame 0 #2 at (300, 60) px: not in {tmp_path / 'b'}, {tmp_path / 'c'}",
        f"frame 0 #3 at (340, 60) px: not in {tmp_path / 'a'}, {tmp_path / 'c'}",
    ]


def test_runs_without_a_calibration_give_pixels(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, [[spot(9, 9, None)]]) for name in "ab"]
    reading = read_sizes(runs, ["1", "1"], "length", 25)
    assert (reading.unit, reading.rows[0].value) == ("px", 10)


def test_sizes_of_the_map_and_of_the_border_cause_warnings(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", [[spot(9, 9, 1.0, size_source="map")]]),
        write_run(tmp_path / "b", [[spot(9, 9, 1.0, truncated=True)]]),
    ]
    warnings = read_sizes(runs, ["1", "1"], "length", 25).warnings
    assert [warning[:6] for warning in warnings] == ["1 of 2", "1 of 2"]
    assert "anomaly map" in warnings[0]
    assert "border" in warnings[1]


def test_verdicts_of_frames_are_matched_and_errors_are_named(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", [[], [spot(9, 9, 1.0)], []]),
        write_run(tmp_path / "b", [[], [], []], verdicts={2: Verdict.ERROR}),
    ]
    reading = read_verdicts(runs, ["1", "1"])
    assert [(row.part, row.value) for row in reading.rows] == [
        ("frame 0", 1),
        ("frame 0", 1),
        ("frame 1", 0),
        ("frame 1", 1),
    ]
    assert reading.unmatched == [f"frame 2: ERROR in {tmp_path / 'b'}"]


def test_runs_of_different_parts_are_refused(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, [[spot(x, 9, 1.0)]]) for name, x in (("a", 9), ("b", 400))]
    with pytest.raises(DataError, match="no defect is in all 2 runs"):
        read_sizes(runs, ["1", "1"], "length", 25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is .* a result folder"),
        ("", "does not begin with a header"),
        ('{"type": "header", "format": 2}\n', "has no frames"),
        ('{"type": "header", "format": 99}\n', "a newer version of this program"),
    ],
)
def test_a_folder_without_a_log_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    run = write_run(tmp_path / "a", [[spot(9, 9, 1.0)]])
    other = tmp_path / "b"
    other.mkdir()
    if text is not None:
        (other / "inspections.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        read_sizes([run, other], ["1", "1"], "length", 25)


def test_two_pictures_with_the_same_name_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [[spot(9, 9, 1.0)], []], ["x.png", "x.png"])
    with pytest.raises(DataError, match=r"2 pictures with the name x\.png"):
        read_verdicts([run, run], ["1", "1"])
