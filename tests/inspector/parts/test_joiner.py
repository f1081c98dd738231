"""Tests of parts over several sources: time-out, late and ended sources, and threads."""

import threading
from collections import Counter
from collections.abc import Hashable

import pytest
from part_scenes import see

from inspector.core.events import Part
from inspector.parts.book import PartView
from inspector.parts.joiner import PartJoiner
from inspector.parts.tally import make_facts
from inspector.parts.verdict import PartRule

BOTH = ("left", "right")


def joiner(rule: PartRule | None = None, sources: tuple[str, ...] = BOTH) -> PartJoiner:
    return PartJoiner(sources, rule or PartRule("any"), timeout_s=5.0)


def view(source: str, part_id: str, words: str = "P", key: Hashable = None) -> PartView:
    result = PartView(part_id, source, part_id if key is None else key)
    for number, word in enumerate(words):
        result.tally.add(make_facts(see(number, word), live=False))
    return result


def facts(parts: list[Part]) -> list[tuple[str | None, str, str | None]]:
    return [(part.part_id, part.verdict.value, part.cause) for part in parts]


@pytest.mark.parametrize(
    ("left", "right", "rule", "verdict", "cause"),
    [
        ("PP", "P", PartRule("any"), "PASS", None),
        ("PP", "F", PartRule("any"), "FAIL", None),
        ("PF", "PF", PartRule("k_of_n", 2), "FAIL", None),
        ("PF", "PP", PartRule("k_of_n", 2), "PASS", None),
        ("PP", "E", PartRule("any"), "ERROR", "decode"),
        ("PF", "E", PartRule("any"), "FAIL", None),
        ("PF", "E", PartRule("worst"), "ERROR", "decode"),
        ("PP", "", PartRule("any"), "ERROR", "not_seen"),
    ],
)
def test_one_verdict_over_all_frames_of_all_sources(
    left: str, right: str, rule: PartRule, verdict: str, cause: str | None
) -> None:
    join = joiner(rule)
    assert join.add([view("left", "7", left)], 0.0, live=True) == []
    (part,) = join.add([view("right", "7", right)], 0.0, live=True)
    assert facts([part]) == [("7", verdict, cause)]
    assert part.sources == BOTH
    assert part.frames == len(left + right)
    assert part.first_frame_id is None  # frames of two sources have different numbers
    assert [v["source"] for v in part.views] == ["left", "right"]


def test_views_in_another_order_are_joined_by_their_id() -> None:
    join = joiner()
    assert join.add([view("left", n) for n in "123"], 0.0, live=True) == []
    parts = join.add([view("right", n, "F") for n in "321"], 0.0, live=True)
    assert facts(parts) == [("3", "FAIL", None), ("2", "FAIL", None), ("1", "FAIL", None)]


def test_a_missing_camera_makes_the_part_an_error_after_the_time_out() -> None:
    join = joiner()
    join.add([view("left", "1")], 10.0, live=True)
    join.add([view("left", "2", "F")], 12.0, live=True)
    assert join.add([], 14.9, live=True) == []
    (part,) = join.add([], 15.0, live=True)
    assert facts([part]) == [("1", "ERROR", "missing_source")]
    assert part.error == "not seen in time by: right"
    assert facts(join.add([], 17.0, live=True)) == [("2", "FAIL", None)]


def test_a_camera_that_is_too_late_does_not_make_a_second_part() -> None:
    join = joiner()
    join.add([view("left", "1")], 0.0, live=True)
    join.add([], 5.0, live=True)
    assert join.add([view("right", "1")], 6.0, live=True) == []
    assert join.add([], 99.0, live=True) == []
    assert join.totals.total == 1
    # The same part passes a second time.
    join.add([view("right", "1")], 100.0, live=True)
    assert facts(join.add([view("left", "1")], 100.1, live=True)) == [("1", "PASS", None)]


def test_a_second_view_of_one_camera_does_not_replace_the_first() -> None:
    join = joiner()
    join.add([view("left", "1", "F"), view("left", "1", "PP")], 0.0, live=True)
    (part,) = join.add([view("right", "1")], 0.0, live=True)
    assert (part.verdict.value, part.frames, part.frames_failed) == ("FAIL", 4, 1)
    assert [v["source"] for v in part.views] == ["left", "left", "right"]


def test_a_part_id_that_comes_again_never_joins_views_of_two_parts() -> None:
    join = joiner()
    first, second = (("7", number) for number in (1.0, 2.0))  # the same number at two triggers
    join.add([view("left", "7", "P", first), view("left", "7", "P", second)], 0.0, live=True)
    assert facts(join.add([view("right", "7", "P", first)], 0.1, live=True)) == [
        ("7", "PASS", None)
    ]
    assert facts(join.add([view("right", "7", "F", second)], 1.0, live=True)) == [
        ("7", "FAIL", None)
    ]


def test_files_wait_for_each_other_without_a_time_out() -> None:
    join = joiner()
    join.add([view("left", "1")], 0.0, live=False)
    assert join.add([], 1e9, live=False) == []
    assert facts(join.add([view("right", "1")], 2e9, live=False)) == [("1", "PASS", None)]


def test_a_source_that_has_ended_is_not_waited_for() -> None:
    join = joiner()
    join.add([view("left", "1"), view("left", "2")], 0.0, live=False)
    join.add([view("right", "1")], 0.0, live=False)
    assert not join.end_source("right")
    assert facts(join.add([], 0.0, live=False)) == [("2", "ERROR", "missing_source")]
    parts = join.add([view("left", "3")], 0.0, live=False)
    assert facts(parts) == [("3", "ERROR", "missing_source")]
    assert join.end_source("left")
    assert not join.end_source("left")
    assert join.summary()["errored_by_cause"] == {"missing_source": 2}


def test_three_thousand_parts_of_three_threads_are_each_counted_once() -> None:
    names = ("a", "b", "c")
    join = joiner(sources=names)
    rows: list[Part] = []
    join.on_part = rows.append
    returned: list[Part] = []

    def work(name: str, order: int) -> None:
        numbers = range(3000)[::order]
        for number in numbers:
            word = "F" if name == "b" and number % 10 == 0 else "P"
            returned.extend(join.add([view(name, str(number), word)], 0.0, live=False))
        join.end_source(name)
        returned.extend(join.add([], 0.0, live=False))

    threads = [
        threading.Thread(target=work, args=(n, o)) for n, o in zip(names, (1, -1, 1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for parts in (rows, returned):
        assert Counter(part.part_id for part in parts) == Counter(map(str, range(3000)))
        assert sum(part.verdict.value == "FAIL" for part in parts) == 300
    assert join.totals.total == 3000
