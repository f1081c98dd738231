"""Tests that the moving web shows its defects at the reported places."""

import numpy as np
import pytest

from inspector.synthetic.rendered_defects import Appearance, RenderedDefect, coverage
from inspector.synthetic.web import MovingWeb, scatter_defects

HW = (120, 160)
BLACK = Appearance((0.0, 0.0, 0.0), 0.0)


def texture(seed: int = 0, hw: tuple[int, int] = (100, 130)) -> np.ndarray:
    return np.random.default_rng(seed).integers(120, 180, (*hw, 3)).astype(np.uint8)


def square(x: float, y: float, side: float = 20.0) -> RenderedDefect:
    corners = np.array(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))) * side
    return RenderedDefect.of("hole", corners + np.array((x, y)), 0.1, BLACK)


def clean_web(speed: float, **more: object) -> MovingWeb:
    settings = {"unevenness": 0.0, "flicker": 0.0, "noise": 0.0, "defects": (), **more}
    return MovingWeb(
        texture(), frame_hw=HW, mm_per_px=0.1, speed_px_per_frame=speed, seed=1,
        **settings,
    )  # fmt: skip


def test_the_next_frame_is_the_last_frame_shifted() -> None:
    web = clean_web(7)
    first, second = web.frame(30)[0], web.frame(31)[0]
    assert np.array_equal(first[7:], second[:-7])
    assert not np.array_equal(first, second)


def test_a_fractional_step_lies_between_its_neighbours() -> None:
    half = clean_web(0.5)
    low, middle, high = (half.frame(i)[0].astype(float) for i in (6, 7, 8))
    assert np.abs(middle - (low + high) / 2).max() <= 0.5


def test_no_seam_is_sharper_than_the_texture_itself() -> None:
    smooth = np.indices((100, 130)).sum(axis=0)[..., None].repeat(3, 2).astype(np.uint8)
    web = MovingWeb(
        smooth, frame_hw=(120, 300), mm_per_px=0.1, speed_px_per_frame=11, seed=1,
        unevenness=0, flicker=0, noise=0,
    )  # fmt: skip
    for index in range(40):
        frame = web.frame(index)[0].astype(int)
        assert np.abs(np.diff(frame, axis=0)).max() <= 1
        assert np.abs(np.diff(frame, axis=1)).max() <= 1


@pytest.mark.parametrize("speed", [6.0, 4.25])
def test_a_defect_enters_passes_and_leaves_at_its_true_place(speed: float) -> None:
    web = clean_web(speed, defects=[square(40, 200.5)])
    seen = []
    for index in range(70):
        image, visible = web.frame(index)
        dark = (image[..., 1] < 60).sum()
        if not visible:
            assert dark == 0
            continue
        (hit,) = visible
        covered = coverage(hit.defect.polygon, (0, 0, HW[1], HW[0]))
        assert dark == pytest.approx(covered.sum(), abs=45)
        assert hit.complete == bool(covered.sum() == pytest.approx(400, abs=1e-3))
        where = np.argwhere(image[..., 1] < 60)
        if hit.complete:
            centre = where.mean(axis=0)[::-1] + 0.5
            assert centre == pytest.approx(hit.defect.centroid, abs=0.51)
        seen.append(hit.complete)
    assert seen[0] is False
    assert seen[-1] is False
    assert seen.count(True) >= 10


def test_repeated_defects_get_new_numbers() -> None:
    web = clean_web(10, defects=[square(30, 150), square(80, 190)], repeat_px=400)
    numbers = [hit.web_id for index in range(120) for hit in web.frame(index)[1]]
    assert sorted(set(numbers)) == [0, 1, 2, 3, 4, 5]
    first = next(i for i in range(200) if any(hit.web_id == 0 for hit in web.frame(i)[1]))
    again = next(i for i in range(200) if any(hit.web_id == 2 for hit in web.frame(i)[1]))
    assert again - first == 40
    assert np.abs(web.frame(first + 5)[0].astype(int).min() - 0) == 0


def test_without_repetition_a_defect_is_shown_once() -> None:
    web = clean_web(10, defects=[square(30, 150)])
    assert all(not web.frame(index)[1] for index in range(20, 100))


def test_frames_come_in_any_order_and_are_the_same_each_time() -> None:
    settings = {"unevenness": 0.3, "flicker": 0.02, "noise": 3.0, "defects": [square(40, 60)]}
    first, second = clean_web(3.5, **settings), clean_web(3.5, **settings)
    later = first.frame(9)[0]
    assert np.array_equal(later, [second.frame(i)[0] for i in range(10)][9])
    assert np.array_equal(later, first.frame(9)[0])


def test_the_uneven_light_does_not_move_with_the_web() -> None:
    flat = np.full((50, 50, 3), 200, np.uint8)
    web = MovingWeb(
        flat, frame_hw=HW, mm_per_px=0.1, speed_px_per_frame=9, seed=4,
        unevenness=0.4, flicker=0, noise=0,
    )  # fmt: skip
    frame = web.frame(0)[0]
    assert frame.max() >= 198
    assert frame.min() == pytest.approx(120, abs=3)
    assert np.array_equal(frame, web.frame(25)[0])


def test_noise_has_the_requested_deviation() -> None:
    flat = np.full((50, 50, 3), 128, np.uint8)
    web = MovingWeb(
        flat, frame_hw=HW, mm_per_px=0.1, speed_px_per_frame=9, seed=4,
        unevenness=0, flicker=0, noise=3.0,
    )  # fmt: skip
    first, second = web.frame(0)[0].astype(float), web.frame(1)[0].astype(float)
    assert first.std() == pytest.approx(3, rel=0.05)
    assert first.mean() == pytest.approx(128, abs=0.2)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.1


def test_scatter_defects_places_each_request_inside_the_web() -> None:
    defects = scatter_defects(
        [(kind, length, None) for kind in ("hole", "scratch") for length in (4.0, 8.0, 12.0)],
        np.random.default_rng(3), frame_hw=(720, 1280), mm_per_px=0.1,
        start_px=800, spacing_px=300,
    )  # fmt: skip
    assert sorted(defect.kind for defect in defects) == ["hole"] * 3 + ["scratch"] * 3
    for place, defect in enumerate(defects):
        x0, _, x1, _ = defect.bounds
        assert x0 >= 0
        assert x1 <= 1280
        assert abs(defect.centroid[1] - 800 - 300 * place) <= 61
    lengths = sorted(round(defect.length_mm) for defect in defects if defect.kind == "hole")
    assert lengths == [4, 8, 12]


def test_a_gap_keeps_even_long_defects_apart() -> None:
    defects = scatter_defects(
        [("missing_yarn", 30.0, 1.0), ("hole", 8.0, 8.0)] * 6, np.random.default_rng(2),
        frame_hw=(400, 400), mm_per_px=0.1, start_px=300, spacing_px=60, gap_px=40,
    )  # fmt: skip
    assert len(defects) == 12
    for number, defect in enumerate(defects):
        for other in defects[:number]:
            a, b = defect.bounds, other.bounds
            gaps = max(a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])
            assert gaps >= 40


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"noise": -1.0}, "noise -1.0"),
        ({"unevenness": 0.9}, "unevenness 0.9"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        clean_web(1.0, **change)  # type: ignore[arg-type]
