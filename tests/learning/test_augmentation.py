"""Altered copies of few good pictures, and engines that are fitted with them."""

import dataclasses

import cv2
import numpy as np
import pytest

import learning
from engines.opening import open_engine
from inspector.core.errors import ConfigError, DataError
from learning.augmentation import (
    DEGREES,
    GAINS,
    MOST_PICTURES,
    SHIFTS,
    TOTAL,
    Augmentation,
    Copies,
    choose_augmentation,
    make_copies,
)
from learning.fit_record import fit_record_path, read_fit_record
from learning.thresholds.folds import score_left_out, split_folds
from tools import fit as fit_command

SIZE = 64


def picture(seed: int, *, left: int = 0, gain: float = 1.0) -> np.ndarray:
    """(64, 64, 3) uint8: the same product each time, at another place and in another light."""
    blocks = np.random.default_rng(7).uniform(40, 160, (20, 20, 3))
    product = np.kron(blocks, np.ones((5, 5, 1)))
    noise = np.random.default_rng(seed).normal(0, 2, (SIZE, SIZE, 3))
    part = product[20 : 20 + SIZE, 20 - left : 20 - left + SIZE]
    return np.clip(part * gain + noise, 0, 255).astype(np.uint8)


def defective(seed: int) -> np.ndarray:
    spotted = picture(seed)
    cv2.circle(spotted, (40, 24), 9, (250, 250, 250), -1)
    return spotted


def test_more_pictures_and_none_get_no_copies():
    many = np.stack([picture(seed) for seed in range(MOST_PICTURES + 1)])
    assert choose_augmentation(many, "auto") is None
    assert choose_augmentation(many[:2], "none") is None


@pytest.mark.parametrize("count", range(1, MOST_PICTURES + 1))
def test_pictures_and_copies_together_are_at_most_the_total(count):
    how = choose_augmentation(np.stack([picture(seed) for seed in range(count)]), "auto")
    assert TOTAL - count < count * (how.copies + 1) <= TOTAL


def test_a_single_picture_gets_the_mildest_changes():
    how = choose_augmentation(picture(0)[np.newaxis], "auto")
    assert how == Augmentation(TOTAL - 1, SHIFTS[0], DEGREES, GAINS[0])


@pytest.mark.parametrize("left", [5, 9])
def test_the_shift_follows_that_between_the_pictures(left):
    how = choose_augmentation(np.stack([picture(0), picture(1), picture(2, left=left)]), "auto")
    assert how.shift == pytest.approx(left, abs=0.7)


def test_pictures_of_other_products_say_nothing_about_the_shift():
    other = np.random.default_rng(3).integers(0, 255, (1, SIZE, SIZE, 3), np.uint8)
    how = choose_augmentation(np.concatenate([picture(0)[np.newaxis], other]), "auto")
    assert how.shift == SHIFTS[0]


def test_the_gain_follows_the_light_of_the_pictures():
    pictures = np.stack([picture(0), picture(1, gain=0.9), picture(2, gain=1.1)])
    assert choose_augmentation(pictures, "auto").gain == pytest.approx(0.1, abs=0.01)


def test_copies_are_near_their_picture_and_the_same_each_time():
    pixels = np.stack([np.full((SIZE, SIZE, 3), level, np.uint8) for level in (60, 120)])
    how = Augmentation(3, 4.0, 2.0, 0.1)
    copies = make_copies(pixels, how, 0)
    assert copies.shape == (6, SIZE, SIZE, 3)
    assert (np.abs(copies[:3].astype(int) - 60) <= 7).all()
    assert (np.abs(copies[3:].astype(int) - 120) <= 13).all()
    assert len({copy.tobytes() for copy in copies[:3]}) > 1
    assert np.array_equal(copies, make_copies(pixels, how, 0))
    assert not np.array_equal(copies, make_copies(pixels, how, 1))


def test_copies_move_without_losing_a_pixel_at_the_edge():
    copies = make_copies(picture(0)[np.newaxis], Augmentation(8, 6.0, 5.0, 0.0), 0)
    assert (copies > 0).mean() > 0.999


class Recorder:
    """Stands in for a method: its model is the sorted rows that it was fitted on."""

    def fit(self, embeddings, seed):
        return sorted(embeddings["x"].ravel().tolist())

    def measure(self, model, embeddings, canvas):
        rows = embeddings["x"].ravel()
        assert not {int(row) for row in rows} & {int(row) for row in model}
        return np.zeros((len(rows), 2, 2), np.float32), rows.astype(np.float32)


@dataclasses.dataclass
class Canvas:
    inside: None = None


def test_no_fold_is_scored_by_a_model_of_copies_of_its_pictures():
    pictures = np.arange(4, dtype=np.float32)[:, np.newaxis]
    # Copy j of picture i is i + (j + 1) / 10.
    copies = Copies(
        Augmentation(2, 1, 1, 0),
        {"x": np.array([i + (j + 1) / 10 for i in range(4) for j in range(2)])[:, np.newaxis]},
    )
    left_out = score_left_out(
        Recorder(),
        {"x": pictures},
        Canvas(),
        split_folds(4, ordered=False, seed=0),
        seed=0,
        ordered=False,
        progress=lambda done: None,
        expand=copies.add,
    )
    assert left_out.scores.tolist() == [0, 1, 2, 3]
    added = copies.add({"x": pictures[[1, 3]]}, np.array([1, 3]))["x"].ravel()
    assert added.tolist() == pytest.approx([1, 3, 1.1, 1.2, 3.1, 3.2])


@pytest.mark.parametrize("method", ["rad", "padim", "patchcore"])
def test_one_picture_makes_an_engine_that_finds_a_defect_and_promises_nothing(tmp_path, method):
    out = tmp_path / "one.onnx"
    spec = learning.fit([picture(0)], method, out, size=SIZE).spec
    rule = spec.threshold_rule
    assert (rule.normals, rule.scheme) == (1, "copies")
    assert (rule.false_alarm_rate, rule.promise, rule.alarms) == (None, None, None)
    assert "nothing is promised about the rate of false alarms" in " ".join(rule.sentences())
    assert spec.trained_on["count"] == 1
    copied = method != "patchcore"
    assert spec.trained_on.get("augmented", {}).get("copies") == (TOTAL - 1 if copied else None)
    (listed,) = read_fit_record(fit_record_path(out), spec).pictures
    assert listed.score is None
    engine = open_engine(out)
    assert engine.predict(defective(1)).score > 1.5 * engine.predict(picture(0)).score
    assert engine.predict(defective(1)).score >= spec.image_threshold
    assert engine.predict(picture(0)).score < spec.image_threshold


def test_a_rate_that_one_picture_cannot_support_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs at least 19 good pictures"):
        learning.fit(
            [picture(0)],
            out=tmp_path / "e.onnx",
            size=SIZE,
            rule=learning.Rule("conformal", {"rate": 0.05}),
        )


@pytest.mark.parametrize("method", ["rad", "padim", "patchcore"])
def test_copies_of_two_pictures_do_not_count_for_the_promise(tmp_path, method):
    spec = learning.fit([picture(0), picture(1)], method, tmp_path / "e.onnx", size=SIZE).spec
    assert spec.threshold_rule.normals == 2
    assert spec.threshold_rule.false_alarm_rate == pytest.approx(1 / 3)
    assert spec.trained_on["count"] == len(spec.left_out.scores) == 2
    assert len(spec.left_out.bank) == 2


def test_without_copies_padim_needs_three_pictures(tmp_path):
    with pytest.raises(DataError, match="at least 3 pictures"):
        learning.fit(
            [picture(0), picture(1)], "padim", tmp_path / "e.onnx", size=SIZE, augment="none"
        )


def test_the_option_is_checked_before_pictures_are_read(tmp_path):
    with pytest.raises(ConfigError, match="augment must be one of auto, none, not 'yes'"):
        learning.fit(tmp_path / "missing", out=tmp_path / "e.onnx", augment="yes")


def test_the_command_fits_one_picture_with_and_without_copies(tmp_path, capsys):
    folder = tmp_path / "one"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture(0))
    common = ["--normal", str(folder), "--method", "rad", "--size", f"{SIZE}x{SIZE}"]
    for mode in ("auto", "none"):
        out = tmp_path / f"{mode}.onnx"
        assert fit_command.main([*common, "--out", str(out), "--augment", mode]) == 0
        assert "nothing is promised" in capsys.readouterr().out
