"""Choice of the pictures that the report shows."""

import pytest
from sample_results import make_pictures, make_result, picture

from evaluation.report.gallery import MAX_MISTAKES, choose_pictures


def test_the_worst_pictures_come_first_and_none_twice() -> None:
    visible = choose_pictures(make_result())
    names = [item.name for group in visible for item in group.pictures]
    assert names[:3] == ["scratch/missed.png", "good/alarm-a.png", "good/alarm-b.png"]
    assert len(names) == len(set(names))
    assert "good/broken.png" not in names
    assert names[-1] == "scratch/008.png"


def test_pictures_nearest_to_the_threshold_are_shown() -> None:
    near = choose_pictures(make_result())[2].pictures
    assert [item.name for item in near] == [
        "good/011.png",
        "good/010.png",
        "scratch/000.png",
        "scratch/001.png",
    ]


@pytest.mark.parametrize("count", range(1, 8))
def test_few_pictures_are_never_shown_twice(count: int) -> None:
    computed = tuple(picture(f"scratch/{k}.png", 0.6 + k / 9, defective=True) for k in range(count))
    good = tuple(picture(f"good/{k}.png", 0.1 + k / 99) for k in range(count))
    names = [
        item.name
        for group in choose_pictures(make_result((*computed, *good)))
        for item in group.pictures
    ]
    assert len(names) == len(set(names))


def test_a_cut_list_of_mistakes_says_so() -> None:
    misses = tuple(picture(f"scratch/{k}.png", k / 100, defective=True) for k in range(20))
    group = choose_pictures(make_result((*make_pictures(), *misses)))[0]
    assert [item.name for item in group.pictures] == [
        f"scratch/{k}.png" for k in range(MAX_MISTAKES)
    ]
    assert f"{MAX_MISTAKES} of 21" in group.description
