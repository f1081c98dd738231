"""Changes the thresholds of an existing engine: chooses them again, or sets them by hand."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from engines.opening import Engine, open_engine
from engines.pictures import decode_picture, reading_for
from engines.resize import to_input
from engines.roi import draw_inspected
from engines.spec import EngineSpec, LeftOutRecord, ResizeRule, ThresholdRule
from inspector.core.arrays import Image
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, DataError
from inspector.core.picture_files import pictures_in
from inspector.core.reading import Reading
from learning.datasets.pictures import list_pictures
from learning.stored_pictures import hash_pixels
from learning.thresholds.choosing import (
    Thresholds,
    choose_thresholds,
    display_range,
    explain_threshold,
    find_suspects,
    join_notes,
    suspects_note,
)
from learning.thresholds.folds import BATCH, NEW, LeftOut, peaks_and_levels
from learning.thresholds.power import SimulatedScores, read_scores
from learning.thresholds.rates import choose_with_rates, power_at
from learning.thresholds.rules import ASK, DROP, RULES, Rule

BY_HAND: Final = "set by hand"

HIGHEST: Final = float(np.finfo(np.float32).max)


def record(left_out: LeftOut, bank: Iterable[Image]) -> LeftOutRecord:
    """bank: (H, W, 3) uint8 RGB each, the pictures that the shipped model was fitted on."""
    return LeftOutRecord(
        scores=_shortest(left_out.scores),
        peaks=_shortest(left_out.peaks),
        levels=_shortest(left_out.levels),
        folds=left_out.folds,
        scheme=left_out.scheme,
        ordered=left_out.ordered,
        bank=tuple(map(picture_hash, bank)),
    )


def read_left_out(record: LeftOutRecord) -> LeftOut:
    scores, peaks, levels = (
        np.array(values, np.float32) for values in (record.scores, record.peaks, record.levels)
    )
    return LeftOut(
        scores,
        peaks,
        levels,
        record.folds,
        record.scheme,
        record.ordered,
    )


def picture_hash(pixels: Image) -> str:
    """Of (H, W, 3) uint8 RGB as the engine takes it."""
    return hash_pixels(pixels)[:16]


def score_with_engine(
    engine: Engine, pictures: Iterable[Image], *, ordered: bool = False
) -> LeftOut:
    """pictures: (H, W, 3) uint8 RGB each, that the engine was not fitted on."""
    spec = engine.spec
    inside = draw_inspected(spec)
    parts: list[npt.NDArray[np.float32]] = []
    waiting = iter(pictures)
    while batch := list(itertools.islice(waiting, BATCH)):
        maps, scores = engine.infer(np.stack(batch))
        parts.append(np.stack([scores, *peaks_and_levels(maps, inside)]))
    scores, peaks, levels = np.concatenate(parts, axis=1)
    return LeftOut(scores, peaks, levels, 1, NEW, ordered)


def refit_thresholds(
    path: Path,
    spec: EngineSpec,
    rule: Rule,
    *,
    normal: Sequence[Path] = (),
    ordered: bool = False,
    anomalous: Sequence[Path] = (),
    threads: int = 0,
) -> EngineSpec:
    """The spec with thresholds that the rule chooses.

    path: the engine file of the spec. normal: folders of good pictures that the engine was not
    fitted on; none for the scores in the file. ordered: these are frames of one stream. anomalous:
    folders of bad pictures, for a rule that needs them. threads: of the runtime, 0 lets it choose.

    Raises ConfigError if the file has no scores or the rule cannot be met, DataError for a folder
    without pictures and for a picture that cannot be read or that the engine was fitted on.
    """
    if spec.left_out is None:
        raise ConfigError(
            f"{path} was fitted before engines kept the scores of their good pictures: fit it "
            "again, or set its thresholds by hand"
        )
    bank = frozenset(spec.left_out.bank)

    def score(files: Iterable[Path]) -> LeftOut:
        engine = open_engine(path, threads=threads)
        try:
            reading, once = reading_for(spec), not ordered
            pictures = read_new_pictures(files, spec.resize, reading, bank, once=once)
            return score_with_engine(engine, (pixels for _, pixels in pictures), ordered=ordered)
        finally:
            engine.close()

    good_files = [file for folder in normal for file in list_pictures(folder)]
    good = score(good_files) if good_files else read_left_out(spec.left_out)
    bad_files = [file for folder in anomalous for file in list_anomalous(folder)]
    bad = score(bad_files) if bad_files else None
    simulated, note = simulated_scores(spec), _refit_note(spec, good, rule)
    limits, rates = choose_with_rates(
        good,
        rule,
        simulated,
        anomalous=bad,
        dropped=bool(spec.trained_on.get("suspects_dropped")) and not normal,
        note=note,
    )
    after = with_thresholds(spec, limits)
    # A file of format 1 has no field for the table.
    return dataclasses.replace(after, rates=rates) if spec.format > 1 else after


def simulated_scores(spec: EngineSpec) -> SimulatedScores | None:
    """None if the file holds none."""
    return None if spec.power is None else read_scores(spec.power)


def try_rules(left_out: LeftOut) -> list[tuple[Rule, Thresholds]]:
    """What each rule chooses with its default parameters, if it needs good pictures only."""
    rules = [rule for rule in map(Rule, RULES) if not rule.needs_anomalous]
    return [(rule, choose_thresholds(left_out, rule)) for rule in rules]


def list_anomalous(folder: Path) -> list[Path]:
    """The pictures in the folder. Raises DataError if there is none."""
    files = pictures_in(folder)
    if not files:
        raise DataError(f"folder of defective pictures {folder} does not exist or holds none")
    return files


FITTED: Final = (
    "is one of the pictures that the engine was fitted on, so its score says nothing about new "
    "pictures: take it out of the folder"
)


def read_new_pictures(
    files: Iterable[Path],
    rule: ResizeRule,
    reading: Reading,
    known: frozenset[str],
    *,
    once: bool,
    reason: str = FITTED,
) -> Iterator[tuple[Path, Image]]:
    """Files with their input pixels. known: picture_hash of pictures that are refused, and reason
    says why. once: leave out copies; those among the frames of a stream are counted in blocks."""
    first: dict[str, Path] = {}
    for file in files:
        pixels, _ = to_input(decode_picture(file, reading=reading), rule)
        digest = picture_hash(pixels)
        if once and (original := first.setdefault(digest, file)) != file:
            logger.warning("{} is a copy of {} and is left out", file, original)
            continue
        if digest in known:
            raise DataError(f"{file} {reason}")
        yield file, pixels


def suspects_policy(spec: EngineSpec, *, new: bool) -> str:
    """One of SUSPECTS, as the engine was fitted with. new: for pictures that the engine was not
    fitted on; if those that stood out were dropped, it is not known what the new ones are."""
    dropped = spec.trained_on.get("suspects_dropped", False)
    policy = str(spec.trained_on.get("suspects_policy", DROP if dropped else ASK))
    return ASK if new and policy == DROP else policy


def _refit_note(spec: EngineSpec, good: LeftOut, rule: Rule) -> str:
    """good: scores that the thresholds are chosen from."""
    policy = suspects_policy(spec, new=good.scheme == NEW)
    suspects = spec.trained_on["suspects"] if policy == DROP else find_suspects(good.scores)
    note = suspects_note(len(suspects), policy, rule.name)
    return join_notes(f"chosen again at {utc_now()}", note)


def with_thresholds(spec: EngineSpec, limits: Thresholds) -> EngineSpec:
    """Also counts the simulated defects that fail again."""
    return dataclasses.replace(
        spec,
        image_threshold=limits.image,
        pixel_threshold=limits.pixel,
        display_range=limits.display_range,
        threshold_rule=limits.rule,
        power=power_at(simulated_scores(spec), limits.image),
    )


def set_by_hand(spec: EngineSpec, *, image: float | None, pixel: float | None) -> EngineSpec:
    """None does not change a threshold. Raises ConfigError for a value that is no threshold."""
    limits = {"image": image, "pixel": pixel}
    changed = {name: value for name, value in limits.items() if value is not None}
    if not changed:
        raise ConfigError("setting thresholds by hand needs image, pixel or both")
    for name, value in changed.items():
        if not abs(value) <= HIGHEST:
            raise ConfigError(f"{name} threshold must be a finite number, not {value}")
        if value <= 0:
            raise ConfigError(
                f"{name} threshold must be above 0, not {value:g}: scores are never negative, so "
                "every picture would fail"
            )
    low, high = spec.display_range
    thresholds = Thresholds(
        image=changed.get("image", spec.image_threshold),
        pixel=changed.get("pixel", spec.pixel_threshold),
        display_range=display_range(low, pixel) if pixel is not None else (low, high),
        rule=_by_hand(spec, changed),
    )
    return with_thresholds(spec, thresholds)


def _by_hand(spec: EngineSpec, changed: dict[str, float]) -> ThresholdRule:
    note = f"{BY_HAND} at {utc_now()}"
    if unchanged := {"image", "pixel"} - set(changed):
        note += f"; {unchanged.pop()} threshold kept from: {spec.threshold_rule.rule}"
    if spec.left_out is None:
        return ThresholdRule(BY_HAND, None, 0, 0, (0.0, 1.0), note, changed)
    image = changed.get("image", spec.image_threshold)
    return explain_threshold(
        read_left_out(spec.left_out), image, name=BY_HAND, parameters=changed, notes=(note,)
    )


def _shortest(values: npt.NDArray[np.float32]) -> tuple[float, ...]:
    """The shortest decimals that give the same float32 again."""
    return tuple(float(str(value)) for value in values)
