"""Choice of the pictures that the report shows."""

from dataclasses import replace

import numpy as np
import pytest
from sample_results import make_pictures, make_result, make_view, picture

from evaluation.report.gallery import MAX_MISTAKES, choose_pictures, gallery, spread
from evaluation.report.panels import colour_range
from inspector.render.colormap import scale_position


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
    scores = [item.score for item in group.pictures]
    assert len(scores) == MAX_MISTAKES
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert scores[-1] == 0.31, "the other end is shown, too"
    assert f"{MAX_MISTAKES} of 21" in group.description


def test_misses_are_spread_over_kinds_and_sizes() -> None:
    frames = [picture(f"a/{k:03}.png", k / 1000, defective=True) for k in range(100)]
    rare = [
        replace(frames[0], name="b/0.png", kind="dent", score=0.3),
        replace(frames[0], name="b/1.png", kind="hole", score=0.3),
        replace(frames[0], name="a/tiny.png", size="small", score=0.3),
    ]
    chosen = spread((*frames, *rare))
    assert {item.name for item in rare} <= {item.name for item in chosen}
    assert {item.kind for item in chosen} == {"scratch", "dent", "hole"}


def test_neighbouring_frames_are_not_shown_together() -> None:
    order = np.random.default_rng(0).permutation(200)
    frames = tuple(picture(f"a/{k:03}.png", 0.1, defective=True) for k in order)
    numbers = sorted(int(item.name[2:5]) for item in spread(frames))
    assert min(np.diff(numbers)) > 5


def test_the_scale_shows_its_ends_and_the_threshold() -> None:
    result = make_result()
    low, high = colour_range(result)
    page = gallery(result, make_view)
    for text in (f">{low:.4g}", f">{high:.4g} and more<", "white line: pixel threshold 0.7500<"):
        assert text in page
    position = 100 * scale_position(0.75, (low, high))
    assert f"left: {position:.1f}%" in page
    high_threshold = replace(result, engine=replace(result.engine, pixel_threshold=50.0))
    page = gallery(high_threshold, make_view)
    assert "pixel threshold 50.00 (above the scale)" in page
    assert "left: 100.0%" in page
