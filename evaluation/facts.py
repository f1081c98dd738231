"""What a result says of its engine, its pictures and its rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engines.spec import EngineSpec
from engines.spec_file import file_hash
from evaluation import truth
from evaluation.given import (
    PIXEL_RESAMPLES,
    DataFacts,
    EngineFacts,
    EvaluationRules,
    Provenance,
    Settings,
)
from evaluation.results import PictureResult
from learning.datasets.hashing import pictures_hash
from learning.datasets.masks import MASK_RULES as VALUE_RULES
from learning.datasets.types import ClassData, Sample
from learning.metrics.regions import BORDER_BAND, LARGE_FROM, SMALL_BELOW
from learning.thresholds.changing import BY_HAND

MEMORY_BYTES: Final = 400_000_000
"""Most that the figures of a class hold: see tests/evaluation/test_evaluation_memory.py."""


def made_from(engine: Path, data: ClassData, settings: Settings) -> Provenance:
    """Raises SpecError where the engine file cannot be read."""
    return Provenance(file_hash(engine), pictures_hash(data.tests()), settings)


def engine_facts(path: Path, sha256: str, spec: EngineSpec) -> EngineFacts:
    rule = spec.threshold_rule
    return EngineFacts(
        file=str(path),
        sha256=sha256,
        megabytes=path.stat().st_size / 1e6,
        name=spec.name,
        method=spec.method,
        backbone=spec.backbone,
        layers=spec.layers,
        input_hw=spec.resize.input_hw,
        map_hw=spec.map_hw,
        frame_hw=spec.frame_hw,
        image_threshold=spec.image_threshold,
        pixel_threshold=spec.pixel_threshold,
        threshold_rule="; ".join(rule.sentences()),
        threshold_normals=rule.normals,
        display_range=spec.display_range,
        trained_on=spec.trained_on,
        licence=spec.licence,
        created_utc=spec.created_utc,
    )


def data_facts(data: ClassData, pictures: Sequence[PictureResult]) -> DataFacts:
    judged = [one for one in pictures if one.error is None]
    return DataFacts(
        folder=str(folder_of(data.tests())),
        layout=data.layout,
        good=sum(not one.defective for one in judged),
        defective=sum(one.defective for one in judged),
        masked=sum(one.defective and one.has_mask and one.note is None for one in judged),
        errors=len(pictures) - len(judged),
        regions=sum(one.regions for one in judged),
        vanished=sum(one.vanished for one in judged),
        outside=sum(one.outside for one in judged),
        problems=data.problems,
    )


def folder_of(samples: Sequence[Sample]) -> Path:
    """The folder that the first sample's name is below."""
    first = samples[0]
    return first.path.parents[len(Path(first.name).parts) - 1]


def mask_sentence(settings: Settings) -> str:
    return f"{VALUE_RULES[settings.mask_values]}; {truth.RULES[settings.mask_rule]}"


def rules(spec: EngineSpec, settings: Settings) -> EvaluationRules:
    inspected = "the whole picture"
    if spec.roi is not None:
        inspected = "the engine's region of interest; pixels outside it count nowhere"
    elif spec.resize.crop != (0.0, 0.0, 1.0, 1.0):
        inspected = f"the engine's crop {spec.resize.crop} of the picture"
    intervals = "none"
    if settings.resamples:
        intervals = (
            f"95 %, percentiles of {settings.resamples} resamples of pictures "
            f"({min(settings.resamples, PIXEL_RESAMPLES)} for pixels), seed {settings.seed}"
        )
    return EvaluationRules(
        resolution_hw=spec.map_hw,
        mask=mask_sentence(settings),
        inspected=inspected,
        sizes=f"small below {SMALL_BELOW:.1%} of the inspected area, large from {LARGE_FROM:.0%}",
        places=f"border: touches the outer {BORDER_BAND:.0%} of the inspected height or width",
        thresholds=_thresholds(spec),
        test_selected="F1-max chooses its threshold on the pictures that it is measured on: a "
        "ceiling, for comparison with published tables",
        intervals=intervals,
        memory_bytes=MEMORY_BYTES,
    )


def _thresholds(spec: EngineSpec) -> str:
    rule = spec.threshold_rule
    if rule.rule == BY_HAND:
        return "set by hand: honest only if these pictures had no part in it"
    return f"chosen before, by {rule.rule} from {rule.normals} normal pictures (honest)"
