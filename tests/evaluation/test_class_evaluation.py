"""Results of a class, compared with direct computation from the same maps."""

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from adeval import au_pro
from plate_dataset import FAST, HW, draw_plate, evaluate, write_class_folder, write_picture
from sklearn.metrics import average_precision_score, roc_auc_score

from engines.backends.fake import FakeEngine
from engines.spec import LeftOutRecord, ResizeRule, Roi, ThresholdRule
from inspector.core.errors import DataError, EngineError, InferenceError
from learning.thresholds.changing import picture_hash


def compute_by_hand(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels (true: defective), maps and masks of all test pictures."""
    engine = FakeEngine(folder.parent / "engine.onnx")
    rows = []
    for path in sorted((folder / "test").glob("*/*.png")):
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        maps, scores = engine.infer(pixels[None])
        mask_path = folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png"
        mask = np.zeros(maps[0].shape, bool)
        if mask_path.exists():
            # The centre of a map pixel lies between two pixels; the right one counts.
            mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)[1::2, 1::2] > 0
        rows.append((scores[0], path.parent.name != "good", maps[0], mask))
    scores, bad, maps, masks = zip(*rows, strict=True)
    return np.array(scores), np.array(bad), np.stack(maps), np.stack(masks)


def test_metrics_equal_those_of_scikit_learn_and_adeval(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    computed = evaluate(folder).figures
    scores, bad, maps, masks = compute_by_hand(folder)
    assert computed.image_auroc.value == pytest.approx(roc_auc_score(bad, scores), abs=1e-9)
    assert computed.image_ap.value == pytest.approx(average_precision_score(bad, scores), abs=1e-9)
    truth, values = masks.ravel(), maps.ravel()
    assert computed.pixel_auroc.value == pytest.approx(roc_auc_score(truth, values), abs=1e-9)
    assert computed.pixel_ap.value == pytest.approx(
        average_precision_score(truth, values), abs=1e-9
    )
    expected, _ = au_pro.calculate_au_pro(list(masks), list(maps), 0.3, num_thresholds=5000)
    assert computed.aupro.value == pytest.approx(expected, abs=1e-4)


def test_verdicts_are_those_of_the_image_threshold(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    result = evaluate(folder)
    scores, bad, maps, _ = compute_by_hand(folder)
    fails = scores >= 0.5
    at = result.at_threshold
    assert (at.true_alarms, at.false_alarms) == ((fails & bad).sum(), (fails & ~bad).sum())
    assert (at.misses, at.true_passes) == ((~fails & bad).sum(), (~fails & ~bad).sum())
    assert at.misses > 0
    assert at.true_alarms > 0
    assert [item.name for item in result.misses] == sorted(
        (item.name for item in result.misses),
        key=lambda name: next(p.score for p in result.pictures if p.name == name),
    )
    assert {item.score for item in result.pictures} == {float(score) for score in scores}
    assert {item.peak for item in result.pictures} == {float(item.max()) for item in maps}


def test_intervals_of_rates_are_exact(tmp_path):
    at = evaluate(write_class_folder(tmp_path / "plates")).at_threshold
    assert at.false_alarm_rate.count == 0
    assert at.false_alarm_rate.of == 6
    assert at.false_alarm_rate.interval == pytest.approx((0, 1 - 0.025 ** (1 / 6)))


def test_each_kind_is_measured_against_all_good_pictures(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    kinds = {kind.name: kind for kind in evaluate(folder).kinds}
    assert set(kinds) == {"hole", "speck"}
    assert (kinds["hole"].misses.count, kinds["speck"].misses.count) == (0, 4)
    _, _, maps, masks = compute_by_hand(folder)
    part = np.r_[0:6, 6:10]  # good, hole: as sorted by name
    expected = roc_auc_score(masks[part].ravel(), maps[part].ravel())
    assert kinds["hole"].figures.pixel_auroc.value == pytest.approx(expected, abs=1e-9)


def test_regions_are_grouped_by_size_and_by_place(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates"))
    assert sum(group.found.of for group in result.sizes) == 8
    assert sum(group.found.of for group in result.places) == 8
    assert [group.name for group in result.sizes] == ["small", "medium", "large"]
    small = result.sizes[0]
    assert small.found.of == 0
    assert small.found.share is None
    assert small.aupro.value is None
    assert small.aupro.reason
    # Each defective picture has a single region.
    for group in result.places:
        pictures = [p for p in result.pictures if p.place == group.name]
        assert (len(pictures), sum(p.regions_found for p in pictures)) == (
            group.found.of,
            group.found.count,
        )
    assert {p.place for p in result.pictures if not p.defective} == {None}


def test_batches_change_nothing(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    item = evaluate(folder)
    five = evaluate(folder, dataclasses.replace(FAST, batch=5))
    assert five.figures == item.figures
    assert five.latency.batch == 5
    assert [p.score for p in five.pictures] == [p.score for p in item.pictures]


def test_pictures_without_a_score_are_named_and_not_counted(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    before = evaluate(folder)
    (folder / "test" / "good" / "900.png").write_bytes(b"no picture")
    write_picture(folder / "test" / "hole" / "901.png", draw_plate(901, (40, 30, 9, 0)))
    write_picture(folder / "ground_truth" / "hole" / "901_mask.png", np.zeros((10, 10), np.uint8))
    after = evaluate(folder)
    assert [item.name for item in after.errors] == ["test/good/900.png", "test/hole/901.png"]
    assert "is not a PNG" in (after.errors[0].error or "")
    assert "10x10" in (after.errors[1].error or "")
    assert after.data.errors == 2
    for name in ("image_auroc", "pixel_auroc", "aupro"):
        assert getattr(after.figures, name).value == getattr(before.figures, name).value


class NanEngine(FakeEngine):
    """An engine whose map has a NaN for every third picture."""

    def infer(self, pixels):
        maps, scores = super().infer(pixels)
        if self._calls % 3 == 0:
            maps[0, 0, 0] = np.nan
        return maps, scores


def test_a_map_that_is_not_finite_is_an_error_of_its_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("engines.backends.fake.FakeEngine", NanEngine)
    result = evaluate(write_class_folder(tmp_path / "plates"))
    assert len(result.errors) == 4
    assert all("not finite" in (item.error or "") for item in result.errors)
    assert result.figures.image_auroc.value is not None
    assert math.isfinite(result.figures.image_auroc.value)


def test_a_failing_engine_gives_no_result(tmp_path, monkeypatch):
    def fails(self, pixels):
        raise InferenceError("out of memory")

    monkeypatch.setattr("engines.backends.fake.FakeEngine.infer", fails)
    with pytest.raises(InferenceError, match="out of memory"):
        evaluate(write_class_folder(tmp_path / "plates"))


def test_an_engine_without_golden_pictures_gives_a_warning(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    assert not any("golden" in item for item in evaluate(folder).warnings)
    computed = evaluate(folder, method="rad").warnings
    assert any(item.startswith("the engine file holds no golden pictures") for item in computed)


def test_pixel_metrics_do_not_count_defective_pictures_without_a_mask(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    (folder / "ground_truth" / "hole" / "001_mask.png").unlink()
    write_picture(folder / "ground_truth" / "hole" / "002_mask.png", np.zeros(HW, np.uint8))
    result = evaluate(folder)
    notes = {item.name: item.note for item in result.pictures if item.note}
    assert notes == {
        "test/hole/001.png": "it has no mask",
        "test/hole/002.png": "its mask shows no defect",
    }
    assert result.data.masked == 6
    for note, name in (("it has no mask", "001"), ("its mask shows no defect", "002")):
        assert any(
            "do not count 1 defective pictures" in item
            and note in item
            and item.endswith(f"test/hole/{name}.png")
            for item in result.warnings
        )
    _, _, maps, masks = compute_by_hand(folder)
    part = np.r_[0:7, 9:14]
    expected = roc_auc_score(masks[part].ravel(), maps[part].ravel())
    assert result.figures.pixel_auroc.value == pytest.approx(expected, abs=1e-9)


def test_without_defects_only_false_alarms_are_measured(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates", defective=0), image_threshold=0.01)
    assert result.at_threshold.false_alarms == 6
    assert result.at_threshold.miss_rate.share is None
    assert result.figures.image_auroc.value is None
    assert result.figures.pixel_auroc.reason == "no defective pictures"
    assert any("only false alarms" in item for item in result.warnings)
    assert [curve.name for curve in result.curves] == []


def test_without_good_pictures_only_misses_are_measured(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates", good=0))
    assert result.at_threshold.misses == 4
    assert result.figures.image_auroc.reason == "no good pictures"
    assert result.figures.aupimo.value is None
    notes = [note for note in (*result.warnings, *result.data.problems) if "no good test" in note]
    assert len(notes) == 1
    assert notes[0].startswith(
        "class plates has no good test pictures: only misses can be measured. If one of its "
        "folders (hole, speck) holds good pictures, name it good, ok"
    )


def test_a_class_without_test_pictures_is_refused(tmp_path):
    folder = write_class_folder(tmp_path / "plates", good=0, defective=0)
    with pytest.raises(DataError, match="no test pictures"):
        evaluate(folder)


def test_a_class_without_readable_pictures_is_refused(tmp_path):
    folder = write_class_folder(tmp_path / "plates", good=2, defective=0)
    for path in (folder / "test" / "good").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 2 test pictures .* the first error"):
        evaluate(folder)


def test_pixels_outside_the_region_of_interest_are_not_counted(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    left = Roi(HW, inspect=(((0, 0), (48, 0), (48, 64), (0, 64)),))
    result = evaluate(folder, roi=left)
    _, _, maps, masks = compute_by_hand(folder)
    expected = roc_auc_score(masks[:, :, :24].ravel(), maps[:, :, :24].ravel())
    assert result.figures.pixel_auroc.value == pytest.approx(expected, abs=1e-9)
    outside = [item.name for item in result.pictures if item.outside]
    assert "test/hole/003.png" in outside
    (warning,) = [item for item in result.warnings if "completely outside" in item]
    assert "test/hole/003.png" in warning


def test_fitting_on_test_pictures_gives_a_warning(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    picture = cv2.imread(str(folder / "test" / "good" / "002.png"))
    known = picture_hash(np.ascontiguousarray(picture[:, :, ::-1]))
    bank = LeftOutRecord((0.1,), (0.1,), (0.1,), 2, "2-fold", False, bank=(known,))
    result = evaluate(folder, left_out=bank)
    assert any("fitted on 1 of these test pictures" in item for item in result.warnings)
    assert any("test/good/002.png" in item for item in result.warnings)


def test_a_plain_folder_is_all_test_pictures(tmp_path):
    for seed in range(3):
        write_picture(tmp_path / "plain" / "good" / f"{seed}.png", draw_plate(seed))
        plate = draw_plate(seed, (40, 30, 6, 10))
        write_picture(tmp_path / "plain" / "hole" / f"{seed}.png", plate)
    result = evaluate(tmp_path / "plain")
    assert (result.data.good, result.data.defective) == (3, 3)
    assert result.figures.image_auroc.value == 1


def test_a_picture_too_small_for_the_crop_is_an_error(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    write_picture(folder / "test" / "good" / "900.png", np.zeros((1, 1, 3), np.uint8))
    result = evaluate(folder, resize=ResizeRule(HW, crop=(0.1, 0.1, 0.4, 0.4)))
    assert [item.name for item in result.errors] == ["test/good/900.png"]
    assert "too small" in (result.errors[0].error or "")


def test_a_batch_above_the_engines_limit_is_refused(tmp_path):
    folder = write_class_folder(tmp_path / "plates", good=1, defective=1)
    with pytest.raises(EngineError, match="at most 2 pictures per call, not 3"):
        evaluate(folder, dataclasses.replace(FAST, batch=3), max_batch=2)


def test_thresholds_set_by_hand_are_reported(tmp_path):
    folder = write_class_folder(tmp_path / "plates", good=1, defective=1)
    by_hand_rule = ThresholdRule("set by hand", None, 0, 0, (0.0, 1.0))
    assert "set by hand" in evaluate(folder, threshold_rule=by_hand_rule).rules.thresholds
    assert "before this test" in evaluate(folder).rules.thresholds
