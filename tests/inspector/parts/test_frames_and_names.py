"""Tests of parts whose frames are known by number or by name, of the rules, and of the ledger."""

import pytest
from part_scenes import make_stage, run_frames, run_names, run_stage, see, see_all

from inspector.parts.book import PartBook
from inspector.parts.grouping import SequenceGrouping, count_frames, match_names
from inspector.parts.verdict import PartRule

ANY, WORST = PartRule("any"), PartRule("worst")


@pytest.mark.parametrize(
    ("words", "rule", "verdict", "cause"),
    [
        ("PPPP", ANY, "PASS", None),
        ("PFPP", ANY, "FAIL", None),
        ("PFEP", ANY, "FAIL", None),
        ("PPEP", ANY, "ERROR", "decode"),
        ("EEEE", ANY, "ERROR", "decode"),
        ("PFPF", PartRule("k_of_n", 3), "PASS", None),
        ("FFPF", PartRule("k_of_n", 3), "FAIL", None),
        ("FFEF", PartRule("k_of_n", 3), "FAIL", None),
        ("PFEF", PartRule("k_of_n", 3), "ERROR", "decode"),
        ("PFPP", WORST, "FAIL", None),
        ("PFEP", WORST, "ERROR", "decode"),
        ("PPPP", WORST, "PASS", None),
        ("PP.P", ANY, "ERROR", "dropped"),
        ("PF.P", ANY, "FAIL", None),
        ("PF.P", WORST, "ERROR", "dropped"),
        ("....", ANY, "ERROR", "dropped"),
    ],
)
def test_the_rule_decides_the_verdict(
    words: str, rule: PartRule, verdict: str, cause: str | None
) -> None:
    seen = run_frames(words + "PPPP", 4, rule)
    assert (seen.verdicts[0], seen.causes[0]) == (verdict, cause)
    assert (seen.verdicts[1], seen.causes[1]) == ("PASS", None)
    assert (seen.parts[0].error is None) is (verdict != "ERROR")


def test_each_frame_is_a_part_by_default() -> None:
    seen = run_frames("PFEP")
    assert seen.verdicts == ["PASS", "FAIL", "ERROR", "PASS"]
    assert seen.labels == ["run/p1", "run/p2", "run/p3", "run/p4"]
    assert [part.part_id for part in seen.parts] == seen.labels
    assert seen.parts[2].error == "main: 1 of 1 frames are ERROR; the first: torn"


def test_dropped_parts_are_reported_in_their_order_also_at_the_end() -> None:
    seen = run_frames("P..F", captured=6)
    assert seen.verdicts == ["PASS", "ERROR", "ERROR", "FAIL", "ERROR", "ERROR"]
    assert seen.causes == [None, "dropped", "dropped", None, "dropped", "dropped"]
    assert seen.ledger.not_inspected_by_cause == {"dropped": 4}
    assert seen.parts[1].first_frame_id is None
    assert seen.parts[1].frames_dropped == 1


def test_a_last_part_with_too_few_frames_is_not_a_pass() -> None:
    seen = run_frames("PPPPP", 3)
    assert seen.verdicts == ["PASS", "ERROR"]
    assert seen.causes == [None, "incomplete"]
    assert seen.parts[1].error == "main: it has 2 of 3 frames"
    assert run_frames("PPPPF", 3).verdicts == ["PASS", "FAIL"]


def test_the_ledger_counts_how_often_each_part_was_inspected() -> None:
    seen = run_frames("PPPPEEEEE...FF.", 3, captured=15)
    ledger = seen.ledger
    assert (ledger.unit, ledger.total, ledger.length_m) == ("parts", 5, None)
    assert ledger.inspected_by_times == {"1": 1, "2": 1, "3": 1}
    assert (ledger.inspected_once, ledger.inspected_more) == (1, 2)
    assert ledger.not_inspected_by_cause == {"decode": 1, "dropped": 1}


def test_a_part_is_complete_with_its_last_frame() -> None:
    """The verdict must not wait for the next part."""
    stage = make_stage(lambda book: SequenceGrouping(book, count_frames("run", 2)))
    assert stage.see(see(0))[1] == []
    (part,) = stage.see(see(1, "F"))[1]
    assert part.part_id == "run/p1"
    assert (part.frame_id, part.wall_time_utc) == (1, see(1).frame.wall_time_utc)


NAMES = ["7_a.png", "7_b.png", "8_a.png", "8_b.png", "9_a.png", "9_b.png"]
BY_VIEW = ["a_7.png", "a_8.png", "a_9.png", "b_7.png", "b_8.png", "b_9.png"]


@pytest.mark.parametrize(
    ("names", "words", "pattern"),
    [
        (NAMES, "PPPFPE", r"^(\d+)_"),
        (NAMES, "PPPFPE", r"^\d+"),
        (NAMES, "PPPFPE", r"(?P<part_id>\d+)_(?:a|b)"),
        (BY_VIEW, "PPPPFE", r"_(\d+)\.png"),
    ],
)
def test_the_name_gives_the_part_id_in_every_order_of_the_views(
    names: list[str], words: str, pattern: str
) -> None:
    seen = run_names(names, words, pattern)
    assert [(p.part_id, p.verdict.value) for p in seen.parts] == [
        ("7", "PASS"),
        ("8", "FAIL"),
        ("9", "ERROR"),
    ]
    assert [p.frames for p in seen.parts] == [2, 2, 2]


def test_a_part_with_too_few_pictures_is_incomplete() -> None:
    seen = run_names(["1_a", "1_b", "2_a", "3_a", "3_b"], "PPPPP", r"^(\d)", 2)
    assert seen.causes == [None, "incomplete", None]


def test_a_part_whose_pictures_were_not_all_read_before_a_stop_is_not_a_pass() -> None:
    seen = run_names(NAMES, "PPP", r"^(\d+)_", complete=False)
    assert [(p.part_id, p.cause) for p in seen.parts] == [("7", None), ("8", "incomplete")]


def test_a_part_of_which_an_earlier_run_got_pictures_is_not_a_pass() -> None:
    names, earlier = ["7_b", "8_a", "8_b"], ["6_a", "7_a"]

    def make(book: PartBook) -> SequenceGrouping:
        find_slot = match_names(lambda: names, r"^(\d+)_", None, lambda: earlier)
        return SequenceGrouping(book, find_slot)

    seen = run_stage(make_stage(make, continues=True), see_all("PPP"))
    assert [(p.part_id, p.cause) for p in seen.parts] == [("7", "incomplete"), ("8", None)]


def test_a_picture_without_a_part_id_belongs_to_no_part() -> None:
    seen = run_names(["empty.png", "1.png"], "FP", r"^(\d+)")
    assert seen.labels == [None, "1"]
    assert seen.verdicts == ["PASS"]


def test_a_part_names_its_defects_and_its_worst_frame() -> None:
    frames = [see(0, "F", defects=2, score=3.0), see(1, "F", defects=3, score=5.0), see(2)]
    stage = make_stage(lambda book: SequenceGrouping(book, count_frames("run", 3)))
    (part,) = run_stage(stage, frames).parts
    assert (part.defects, part.sightings, part.score, part.worst_frame_id) == (3, 5, 5.0, 1)
    assert part.views == (
        {
            "source": "main",
            "verdict": "FAIL",
            "first_frame_id": 0,
            "last_frame_id": 2,
            "worst_frame_id": 1,
            "frames": 3,
            "frames_failed": 2,
            "frames_errored": 0,
            "frames_dropped": 0,
        },
    )
