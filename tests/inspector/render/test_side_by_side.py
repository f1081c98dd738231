"""Tests of the complete view."""

import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inspector.core.arrays import Image, freeze
from inspector.core.errors import ConfigError
from inspector.core.geometry import Affine
from inspector.core.types import BadFrame, Frame, Inspection, Verdict
from inspector.render.header import VERDICT_COLOURS, format_stream_time, header_texts
from inspector.render.side_by_side import SideBySide

HW = (120, 160)
UTC = "2026-01-31T12:00:00.123Z"
RANGE = (1.0, 3.0)


def picture_of(grey: int = 120, hw: tuple[int, int] = HW) -> Image:
    return freeze(np.full((*hw, 3), grey, np.uint8))


def inspection(
    image: Image,
    scores: np.ndarray | float = 1.0,
    verdict: Verdict = Verdict.PASS,
    box: tuple[float, float, float, float] | None = None,
) -> Inspection:
    height, width = image.shape[:2]
    anomaly_map = np.full((30, 40), 1.0, np.float32) * np.float32(scores)
    to_frame = Affine.between((30, 40), box or (0, 0, width, height))
    frame = Frame(5, "line", image, 0, 2.5, UTC)
    return Inspection(frame, verdict, 1.8, 2.0, 1.1, anomaly_map, to_frame)


def error(image: Image | None, sentence: str = "the decoder gave up") -> Inspection:
    bad = BadFrame(6, "line", sentence, 0, 2.6, UTC, image=image)
    return Inspection(bad, Verdict.ERROR, 1.8, 2.0, error=sentence, cause=bad.cause)


def renderer(**changes: object) -> SideBySide:
    return SideBySide(**({"display_range": RANGE, "unit": "mm"} | changes))  # type: ignore[arg-type]


def halves(bgr: Image, hw: tuple[int, int] = HW) -> tuple[Image, Image]:
    """Left and right panel, without the header above them."""
    assert bgr.shape[1] == 2 * hw[1]
    return bgr[-hw[0] :, : hw[1]].astype(int), bgr[-hw[0] :, hw[1] :].astype(int)


def band(bgr: Image, hw: tuple[int, int] = HW) -> Image:
    return bgr[: bgr.shape[0] - hw[0]]


def test_the_left_panel_is_the_frame() -> None:
    image = freeze(
        cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (*HW, 3), np.uint8), (0, 0), 3)
    )
    left, _ = halves(renderer()(inspection(image)).bgr())
    through = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), cv2.COLOR_YUV2BGR_I420)
    assert np.array_equal(left, through)


def test_a_score_has_the_same_colour_on_every_frame() -> None:
    render = renderer()
    calm = np.full((30, 40), 1.6, np.float32)
    wild = calm.copy()
    wild[:10] = 40.0
    _, first = halves(render(inspection(picture_of(), calm)).bgr())
    _, second = halves(render(inspection(picture_of(), wild, Verdict.FAIL)).bgr())
    assert np.array_equal(first[80:], second[80:])
    assert not np.array_equal(first[:30], second[:30])


def test_normal_scores_stay_cold_and_high_ones_are_hot() -> None:
    scores = np.full((30, 40), 1.1, np.float32)
    scores[10:20, 15:25] = 2.4
    _, right = halves(renderer()(inspection(picture_of(), scores)).bgr())
    assert np.all(right[:30, :, 0] > right[:30, :, 2] + 10)
    assert np.all(right[55:65, 75:85, 2] > right[55:65, 75:85, 0] + 60)


def test_the_heat_is_at_the_place_of_the_map_and_the_rest_is_dimmed() -> None:
    inside = (40.0, 30.0, 120.0, 90.0)
    _, right = halves(renderer()(inspection(picture_of(), 1.0, box=inside)).bgr())
    assert right[60, 80, 0] > right[60, 80, 2] + 10
    assert np.ptp(right[10, 10]) <= 3
    assert right[10, 10, 0] < 70


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_header_shows_the_verdict_in_its_colour(verdict: Verdict) -> None:
    result = (
        error(picture_of()) if verdict is Verdict.ERROR else inspection(picture_of(), 1.0, verdict)
    )
    canvas = renderer()(result).i420()
    colour = VERDICT_COLOURS[verdict]
    y, u, v = (
        canvas[0, 0],
        canvas.reshape(-1)[canvas.size * 2 // 3],
        canvas.reshape(-1)[canvas.size * 5 // 6],
    )
    assert (y, u, v) == (colour.y, colour.u, colour.v)
    assert np.count_nonzero(canvas[: canvas.shape[0] * 2 // 3 - HW[0], :44] > 190) > 20


def test_the_header_shows_score_threshold_frame_time_and_latency() -> None:
    result = replace(inspection(picture_of()), timings_ms={"infer": 3.0, "latency": 61.4})
    assert header_texts(result) == [
        "score 1.1 < 1.8",
        "0 defects",
        "frame 5",
        "0:00:02.500",
        "latency 61 ms",
    ]
    live = replace(result, frame=replace(result.frame, pts_s=None, name="a.png"), score=1.8)
    assert header_texts(live)[0] == "score 1.8 >= 1.8"
    assert header_texts(live)[2:4] == ["frame 5 a.png", UTC]
    assert header_texts(error(None)) == ["frame 6", "0:00:02.600"]
    assert format_stream_time(3725.0404) == "1:02:05.040"


def test_the_threshold_is_marked_on_the_colour_bar() -> None:
    render = renderer(frame_hw=(360, 640))
    wide = picture_of(hw=(360, 640))
    low = render(replace(inspection(wide), pixel_threshold=1.2)).i420().copy()
    high = render(replace(inspection(wide), pixel_threshold=2.8)).i420().copy()
    changed = np.nonzero((low != high).any(axis=0))[0]
    assert changed.min() > 1000
    bar = 8 * 9
    ends = np.sqrt((0.1, 0.9))
    assert abs((changed.max() - changed.min()) - (ends[1] - ends[0]) * bar) < 8


def test_a_frame_of_another_size_is_fitted_into_the_size_of_the_first() -> None:
    render = renderer()
    first = render(inspection(picture_of())).bgr()
    tall = render(inspection(picture_of(200, (240, 160)))).bgr()
    assert tall.shape == first.shape
    left, right = halves(tall)
    assert left[60, 80].tolist() == [200, 200, 200]
    for panel in (left, right):
        assert panel[60, 10].max() < 60
        assert panel[60, 80].max() > 90


@pytest.mark.parametrize("hw", [(121, 161), (121, 160), (120, 161)])
def test_odd_sides_are_made_even_by_repeating_the_last(hw: tuple[int, int]) -> None:
    even = (hw[0] + hw[0] % 2, hw[1] + hw[1] % 2)
    left, _ = halves(renderer()(inspection(picture_of(120, hw))).bgr(), even)
    assert np.abs(left - 120).max() <= 2


def test_a_scale_shrinks_the_panels() -> None:
    bgr = renderer(scale=0.5)(inspection(picture_of(90, (241, 321)))).bgr()
    left, _ = halves(bgr, (120, 160))
    assert np.abs(left - 90).max() <= 2


@pytest.mark.parametrize("height", [38, 40, 41, 240, 718, 720])
def test_the_encoder_needs_no_copy_of_a_picture(height: int) -> None:
    rows = renderer()(inspection(picture_of(90, (height, 64)))).i420().shape[0] * 2 // 3
    assert rows % 4 == 0


def test_an_error_shows_its_sentence_over_the_last_known_size() -> None:
    render = renderer()
    render(inspection(picture_of())).bgr()
    left, right = halves(render(error(None)).bgr())
    assert left.max() == 0
    assert np.count_nonzero(right.max(axis=2) > 200) > 100


def test_an_error_before_any_frame_has_a_picture_too() -> None:
    assert renderer()(error(None)).bgr().shape[1] == 1280
    assert renderer(frame_hw=HW)(error(None)).bgr().shape[1] == 320


def test_the_size_of_the_first_frame_holds_after_an_error_before_it() -> None:
    render = renderer()
    early = render(error(None))
    render(inspection(picture_of())).i420()
    assert early.i420().shape[1] == 320


def test_regions_of_interest_are_drawn_in_both_panels_and_stretch_with_the_frame() -> None:
    square = ((40.0, 30.0), (120.0, 30.0), (120.0, 90.0), (40.0, 90.0))
    doubled = tuple((2 * x, 2 * y) for x, y in square)
    plain = renderer()(inspection(picture_of())).bgr()
    ours = renderer(roi=((square,), (), HW))(inspection(picture_of())).bgr()
    larger = renderer(roi=((doubled,), (), (240, 320)))(inspection(picture_of())).bgr()
    assert np.array_equal(ours, larger)
    for before, after in zip(halves(plain), halves(ours), strict=True):
        assert np.array_equal(before[50:70, 60:100], after[50:70, 60:100])
        assert np.abs(after[29:31, 60:100] - before[29:31, 60:100]).max() > 40


def test_a_picture_is_drawn_again_only_after_another_one() -> None:
    render = renderer()
    first = render(inspection(picture_of(50)))
    before = first.i420()
    before[-1, -1] = 7
    assert first.i420()[-1, -1] == 7
    expected = first.i420().copy()
    render(inspection(picture_of(200))).i420()
    again = first.i420()
    assert again[-1, -1] != 7
    expected[-1, -1] = again[-1, -1]
    assert np.array_equal(again, expected)


def test_the_bgr_picture_does_not_change_later() -> None:
    render = renderer()
    first = render(inspection(picture_of(50))).bgr()
    copy = first.copy()
    render(inspection(picture_of(200))).bgr()
    assert np.array_equal(first, copy)


def test_threads_do_not_draw_into_each_others_pictures() -> None:
    render = renderer()
    pictures = [render(inspection(picture_of(grey))) for grey in (40, 80, 120, 160)]
    alone = [picture.bgr() for picture in pictures]
    wrong: list[int] = []

    def draw(number: int) -> None:
        for _ in range(10):
            if not np.array_equal(pictures[number].bgr(), alone[number]):
                wrong.append(number)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_read_only_frame_is_not_changed() -> None:
    image = picture_of(77)
    renderer()(inspection(image)).bgr()
    assert np.all(image == 77)


@pytest.mark.parametrize("hw", [(2, 2), (9, 400), (400, 9), (64, 48)])
def test_small_and_narrow_frames_have_a_picture(hw: tuple[int, int]) -> None:
    assert renderer()(inspection(picture_of(100, hw))).bgr().shape[1] >= 2 * hw[1]
    assert renderer()(error(picture_of(100, hw))).bgr().shape[1] >= 2 * hw[1]


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="scale"):
        renderer(scale=0.0)
    with pytest.raises(ConfigError, match="alpha"):
        renderer(alpha=1.5)
    with pytest.raises(ConfigError, match="furlong"):
        renderer(unit="furlong")
