"""The limits of good pictures, and the proof that they show the product in one place."""

import numpy as np
import pytest

from engines import png
from engines.picture_statistics import FIGURES, MATCHES, PictureMeter
from engines.spec_fields import QUANTILES
from learning.picture_limits import LEAST_ALIGNED, summarise_pictures
from tests.engines.test_picture_statistics import board, texture


def textures(count: int, seed: int = 0) -> list[np.ndarray]:
    levels = np.random.default_rng(seed).normal(110, 4, count)
    return [texture(seed * 1000 + index, level) for index, level in enumerate(levels)]


def boards(count: int, largest_shift: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    pictures = []
    for _ in range(count):
        shifted = board(int(rng.integers(0, largest_shift + 1)))
        pictures.append(np.clip(shifted + rng.normal(0, 3, shifted.shape), 0, 255))
    return [picture.astype(np.uint8) for picture in pictures]


def outside(summary, pixels: np.ndarray) -> list[str]:
    """Names of the figures of a picture that are outside their limits."""
    view = summary.view
    reference = None if view is None else png.decode(view.picture, view.hw, 1, "view")
    values = PictureMeter(reference=reference).measure(pixels)
    return [
        figure.name
        for figure in summary.statistics.figures
        if (figure.low is not None and values[figure.name] < figure.low)
        or (figure.high is not None and values[figure.name] > figure.high)
    ]


def test_a_summary_holds_the_distribution_over_the_pictures():
    pictures = [texture(seed, 100.0 + seed) for seed in range(11)]
    summary = summarise_pictures(pictures).statistics
    assert summary.count == 11
    assert [figure.name for figure in summary.figures] == list(FIGURES)
    for figure in summary.figures:
        values = [PictureMeter().measure(pixels)[figure.name] for pixels in pictures]
        assert figure.mean == pytest.approx(np.mean(values))
        assert figure.sd == pytest.approx(np.std(values, ddof=1))
        assert figure.quantiles == pytest.approx(tuple(np.quantile(values, QUANTILES)))
        assert figure.low is not None
        assert figure.low < min(values)


@pytest.mark.parametrize("count", [2, 8, 40])
def test_new_good_pictures_are_inside_the_limits(count):
    summary = summarise_pictures(textures(count))
    alarms = sum(bool(outside(summary, pixels)) for pixels in textures(50, seed=1))
    assert alarms / 50 <= summary.statistics.false_alarm_rate == pytest.approx(1 / (count + 1))


@pytest.mark.parametrize("count", [2, 8, 40])
def test_a_black_picture_is_always_outside(count):
    summary = summarise_pictures(textures(count))
    assert "contrast" in outside(summary, np.zeros((64, 96, 3), np.uint8))
    noise = np.random.default_rng(0).integers(0, 4, (64, 96, 3)).astype(np.uint8)
    assert "contrast" in outside(summary, noise)


def test_half_the_light_is_outside():
    summary = summarise_pictures(textures(20))
    assert "brightness" in outside(summary, texture(3, 60.0))


def test_an_odd_good_picture_widens_the_limits():
    usual = summarise_pictures(textures(20)).statistics
    odd = summarise_pictures([*textures(20), texture(7, 40.0)]).statistics
    assert odd.figures[0].low < usual.figures[0].low - 30
    assert odd.false_alarm_rate == pytest.approx(1 / 22)


def test_one_picture_has_no_limits():
    summary = summarise_pictures([texture(3)]).statistics
    assert {figure.low for figure in summary.figures} == {None}
    assert summary.false_alarm_rate is None


def test_equal_pictures_still_allow_a_little_change():
    summary = summarise_pictures([texture(3)] * 9)
    assert outside(summary, np.clip(texture(3) + 5.0, 0, 255).astype(np.uint8)) == []


def test_frames_of_one_stream_count_as_fewer_pictures():
    pictures = textures(40)
    alone, stream = (
        summarise_pictures(pictures, independent=count).statistics for count in (None, 4)
    )
    assert stream.false_alarm_rate > alone.false_alarm_rate
    assert stream.figures[0].low < alone.figures[0].low


def test_aligned_pictures_give_a_reference_view():
    summary = summarise_pictures(boards(LEAST_ALIGNED))
    assert summary.view is not None
    assert summary.view.aligned
    assert [figure.name for figure in summary.statistics.figures] == [*FIGURES, *MATCHES]
    assert outside(summary, boards(1)[0]) == []
    assert set(outside(summary, board(shift=12))) >= set(MATCHES)


@pytest.mark.parametrize(
    "pictures",
    [textures(20), boards(20, largest_shift=24)],
    ids=["texture", "moving"],
)
def test_pictures_that_do_not_prove_their_place_are_not_aligned(pictures):
    summary = summarise_pictures(pictures)
    assert summary.view is not None
    assert not summary.view.aligned
    assert [figure.name for figure in summary.statistics.figures] == list(FIGURES)


def test_too_few_pictures_give_no_view():
    summary = summarise_pictures(boards(LEAST_ALIGNED - 1))
    assert summary.view is None
    assert [figure.name for figure in summary.statistics.figures] == list(FIGURES)
