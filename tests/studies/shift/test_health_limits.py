"""Tests of narrower limits of the good pictures."""

import dataclasses
from pathlib import Path

import pytest
from plate_dataset import spec, write_class_folder

from engines.spec_fields import PictureFigure, PictureStatistics
from engines.spec_file import read_engine, read_spec, write_engine
from inspector.core.errors import ConfigError
from learning.datasets.layouts import load
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.padim.method import Padim
from learning.normals import from_folder
from studies.shift.analysis import rate
from studies.shift.health_limits import ABOVE, BELOW, choose_limits, write_narrowed
from studies.shift.robustness import FALSE_ALARMS, MISSES, Robustness, ShiftResult
from studies.shift.robustness_texts import describe_narrowed
from studies.shift.shifted_pictures import Level, RobustnessOptions
from studies.shift.shifts import SHIFTS


def figure(name: str, low: float | None, high: float | None, sd: float = 2.0) -> PictureFigure:
    return PictureFigure(name, 100.0, sd, (98.0,) * 4 + (100.0,) + (102.0,) * 4, low, high)


def limited(*figures: PictureFigure):
    return spec(good_pictures=PictureStatistics(10, figures, false_alarm_rate=0.1))


def values(name: str, *numbers: float) -> list[dict[str, float]]:
    return [{name: number} for number in numbers]


def test_a_limit_lies_between_pictures_with_and_without_a_shift() -> None:
    engine = limited(figure("brightness", 80.0, 120.0))
    clean, shifted = values("brightness", 97.0, 104.0), values("brightness", 85.0, 87.0, 89.0)
    # The lowest value without the shift is 97, the median with it 87.
    assert choose_limits(engine, clean, shifted, FALSE_ALARMS) == [("brightness", BELOW, 92.0)]


def test_a_shift_in_both_directions_moves_both_limits() -> None:
    engine = limited(figure("brightness", 80.0, 120.0))
    shifted = values("brightness", 90.0, 90.0, 110.0, 110.0)
    limits = choose_limits(engine, values("brightness", 100.0), shifted, FALSE_ALARMS)
    assert limits == [("brightness", BELOW, 94.0), ("brightness", ABOVE, 106.0)]


@pytest.mark.parametrize(
    "shifted", [(99.0, 101.0, 100.0), (97.0, 100.0, 101.0), (70.0, 71.0, 72.0)]
)
def test_pictures_that_look_the_same_or_are_refused_already_move_no_limit(shifted) -> None:
    engine = limited(figure("brightness", 93.0, 120.0))
    clean = values("brightness", 100.0)
    assert choose_limits(engine, clean, values("brightness", *shifted), FALSE_ALARMS) == []


def test_figures_that_a_defect_changes_serve_only_against_misses() -> None:
    """A picture that fails stays FAIL if its sharpness is too high."""
    engine = limited(figure("sharpness", 80.0, 130.0))
    clean, shifted = values("sharpness", 100.0), values("sharpness", 112.0, 112.0)
    assert choose_limits(engine, clean, shifted, FALSE_ALARMS) == []
    assert choose_limits(engine, clean, shifted, MISSES) == [("sharpness", ABOVE, 107.0)]


def test_the_clearest_figure_is_chosen() -> None:
    engine = limited(figure("contrast", 80.0, None, sd=8.0), figure("sharpness", 80.0, None))
    clean = [{"contrast": 100.0, "sharpness": 100.0}]
    shifted = [{"contrast": 82.0, "sharpness": 90.0}]
    assert choose_limits(engine, clean, shifted, FALSE_ALARMS) == [("sharpness", BELOW, 94.0)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An engine and its data."""
    folder = write_class_folder(tmp_path_factory.mktemp("plates") / "plate", good=6, defective=4)
    options = FitOptions("plate", Padim(), Padim.find_backbone(None), threads=1, simulated=0)
    out = folder.parent / "plate.onnx"
    fit_engine(from_folder(folder / "train" / "good"), options, out, lambda *step: None)
    return out, folder


def invented(*names: str, strength: float = 0.5) -> Robustness:
    """A study in which these shifts break the engine unnoticed."""
    level = Level(strength, 1.0, rate(3, 6), rate(0, 6), rate(0, 12))
    shifts = tuple(
        ShiftResult(
            *(name, SHIFTS[name].unit, SHIFTS[name].meaning, (level,)),
            *(strength, FALSE_ALARMS, True, None),
        )
        for name in names
    )
    options = RobustnessOptions(backend="onnx", threads=1)
    clean = Level(0.0, 0.0, rate(0, 6), rate(0, 8), rate(0, 14))
    return Robustness(
        *("plate.onnx", "0" * 64, "plate", options, 6, 8, 0, clean, 1, 1, shifts, "exposure", 1.0)
    )


def test_an_engine_with_new_limits_refuses_the_shift(fitted, tmp_path: Path) -> None:
    path, folder = fitted
    (data,) = load(folder, None)
    out = tmp_path / "narrow.onnx"
    narrowed = write_narrowed(path, data, invented("vignetting", strength=2.0), out)
    level = narrowed.levels["vignetting"]
    assert level.refused.count >= level.refused.of / 2
    assert narrowed.clean.refused.count == 0
    before, after = read_spec(path), read_spec(out)
    changed = {limit.figure for limit in narrowed.limits}
    for old, new in zip(before.good_pictures.figures, after.good_pictures.figures, strict=True):
        assert ((old.low, old.high) != (new.low, new.high)) == (old.name in changed)
        assert new.low is None or new.low >= old.low
        assert new.high is None or new.high <= old.high
    assert after.good_pictures.false_alarm_rate is None
    assert dataclasses.replace(after, good_pictures=before.good_pictures) == before
    text = "\n".join(describe_narrowed(narrowed))
    assert "With vignetting at strength 2, a run now refuses" in text


def test_a_shift_that_no_figure_shows_is_named(fitted, tmp_path: Path) -> None:
    """The plates are grey."""
    path, folder = fitted
    (data,) = load(folder, None)
    narrowed = write_narrowed(path, data, invented("saturation"), tmp_path / "narrow.onnx")
    assert narrowed.unseen == ("saturation",)
    assert narrowed.limits == ()
    assert read_spec(tmp_path / "narrow.onnx") == read_spec(path)
    assert "No figure of the pictures shows saturation" in "\n".join(describe_narrowed(narrowed))


def test_nothing_changes_if_every_shift_is_noticed(fitted, tmp_path: Path) -> None:
    path, folder = fitted
    (data,) = load(folder, None)
    narrowed = write_narrowed(path, data, invented(), tmp_path / "narrow.onnx")
    assert read_spec(tmp_path / "narrow.onnx") == read_spec(path)
    assert "its limits stay the same" in "\n".join(describe_narrowed(narrowed))


def test_an_engine_without_limits_is_refused(fitted, tmp_path: Path) -> None:
    path, folder = fitted
    (data,) = load(folder, None)
    old, model = read_engine(path)
    write_engine(tmp_path / "old.onnx", model, dataclasses.replace(old, good_pictures=None))
    with pytest.raises(ConfigError, match="has no limits of its good pictures: fit it again"):
        write_narrowed(tmp_path / "old.onnx", data, invented(), tmp_path / "narrow.onnx")
