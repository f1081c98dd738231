"""Tests of the line in the picture that explains a verdict."""

from dataclasses import replace

import numpy as np
import pytest
from reason_scenes import HW, inspection

from inspector.core.arrays import Image
from inspector.core.types import Inspection, Verdict
from inspector.processing.reason import explain_verdict
from inspector.render.side_by_side import SideBySide


def explained(
    verdict: Verdict, score: float, *, defects: bool, rule: str = "score", hw: tuple[int, int] = HW
) -> Inspection:
    result = inspection(verdict, score, defects=defects, hw=hw)
    return replace(result, reason=explain_verdict(result, rule) or None)


def draw(result: Inspection) -> Image:
    render = SideBySide(display_range=(0.0, 1.0), unit="mm")
    return render(result).bgr().astype(int)


def test_the_reason_is_at_the_lower_edge_of_the_left_panel() -> None:
    picture = draw(explained(Verdict.FAIL, 0.41, defects=False))
    red = (picture[:, :, 2] > picture[:, :, 0] + 60) & (picture[:, :, 2] > picture[:, :, 1] + 60)
    top = picture.shape[0] - HW[0]
    rows, columns = np.nonzero(red[top:])
    assert rows.min() > 0.85 * HW[0]
    assert columns.max() < HW[1]
    assert rows.max() == HW[0] - 1


@pytest.mark.parametrize("hw", [HW, (64, 48), (2, 2), (9, 400), (400, 9)])
@pytest.mark.parametrize("rule", ["score", "either"])
def test_a_picture_that_needs_no_reason_has_none(hw: tuple[int, int], rule: str) -> None:
    picture = draw(explained(Verdict.PASS, 0.3, defects=False, rule=rule, hw=hw))
    panel = picture[-hw[0] :, : hw[1]]
    assert np.abs(panel - 120).max() <= 2


@pytest.mark.parametrize("hw", [(64, 48), (100, 100), (40, 400), (400, 40), (2, 2), (480, 640)])
def test_a_reason_never_covers_much_of_a_small_picture(hw: tuple[int, int]) -> None:
    picture = draw(explained(Verdict.FAIL, 0.41, defects=False, hw=hw))
    panel = picture[-hw[0] :, : hw[1]]
    covered = np.abs(panel - 120).max(axis=2) > 8
    assert covered.any(axis=1).mean() <= 0.14
    assert covered.any() == (hw == (480, 640))


def test_the_reason_of_a_pass_with_outlines_is_drawn() -> None:
    result = explained(Verdict.PASS, 0.3, defects=True)
    plain = draw(replace(result, defects=(), reason=None))
    assert np.any(draw(result)[-20:, :300] != plain[-20:, :300])
