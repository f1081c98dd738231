"""The check at export: 32 pictures in batches of 1, 2 and 7, compared part by part."""

import numpy as np
import pytest

from inspector.core.errors import ParityError
from learning import checking

COUNT, HW = checking.PICTURES, (4, 6)


class Scripted:
    """Gives the map and score of pictures by the number in their first pixel; `wrong` alters the
    outputs of a whole batch."""

    def __init__(self, wrong=lambda maps, scores: None):
        self.batches, self._wrong = [], wrong

    def infer(self, pixels):
        self.batches.append(len(pixels))
        numbers = pixels[:, 0, 0, 0].astype(np.float32)
        maps = np.broadcast_to(numbers[:, None, None], (len(pixels), *HW)).copy()
        self._wrong(maps, numbers)
        return maps, numbers


@pytest.fixture
def pixels():
    return np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 12, 3), np.uint8)


def right(part):
    numbers = np.arange(COUNT, dtype=np.float64)[part]
    return np.broadcast_to(numbers[:, None, None], (len(numbers), *HW)), numbers


def compared(engine, pixels, limit=15.5, tolerance=1e-3):
    return checking.compare_outputs(
        checking.run_engine(engine, pixels), right, limit=limit, tolerance=tolerance
    )


def test_every_picture_is_compared_in_batches_of_one_two_and_three(pixels):
    engine = Scripted()
    findings = compared(engine, pixels)
    assert COUNT >= 32
    assert set(engine.batches) == {1, 2, 3}
    assert sum(engine.batches) == findings.pictures == COUNT
    assert (findings.map_max_abs, findings.score_max_abs, findings.decision_flips) == (0, 0, 0)
    assert (findings.spots, findings.spots_found) == (16, 8)
    assert findings.tolerance == pytest.approx(1e-3 * (COUNT - 1))


def test_a_graph_that_depends_on_how_many_pictures_come_together_is_refused(pixels):
    def last_of_three(maps, scores):
        if len(scores) == 3:
            maps[-1] += 0.1

    with pytest.raises(ParityError, match=r"by 0\.1 on the map"):
        compared(Scripted(last_of_three), pixels)


@pytest.mark.parametrize("which", [0, 1])
def test_values_that_are_not_numbers_are_refused(which, pixels):
    def spoilt(*outputs):
        if outputs[1][0] == 21:
            outputs[which][0] = np.nan

    with pytest.raises(ParityError, match="nan on the"):
        compared(Scripted(spoilt), pixels)


def test_a_verdict_flips_only_within_the_tolerance_of_the_threshold_and_is_counted(pixels):
    def less(maps, scores):
        scores -= 1e-3

    findings = compared(Scripted(less), pixels, limit=16 - 5e-4)
    assert findings.decision_flips == 1
    assert findings.score_max_abs == pytest.approx(1e-3, rel=0.01)


def test_the_reference_is_made_of_few_pictures_at_a_time(pixels, monkeypatch):
    monkeypatch.setattr(checking, "PART_PIXELS", 12 * HW[0] * HW[1])
    asked = []

    def reference(part):
        asked.append(part)
        return right(part)

    checking.compare_outputs(
        checking.run_engine(Scripted(), pixels), reference, limit=1.0, tolerance=1e-3
    )
    assert [len(range(COUNT)[part]) for part in asked] == [12, 12, 8]
