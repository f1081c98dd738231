"""Makes an int8 copy of an engine, and checks its verdicts against the original.

The copy is fitted again from the good pictures of the engine, with an int8 copy of its backbone. So
its bank, its scores of left-out pictures and its thresholds are those of int8 features. Norms, map
and score are computed in float32, and so are the distances, but for those of RAD, whose bank gets
codes of 8 bits.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from engines.backends.onnx import OnnxEngine
from engines.parity import ParityResult, Ruler, compare_golden, require_parity
from engines.spec import CONVERTED_FROM, EngineSpec
from engines.spec_fields import Quantisation
from engines.spec_file import read_engine, write_engine
from engines.spec_format import INT8
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from learning import checking
from learning.converting import read_original, time_engines
from learning.fit_record import FitRecord, fit_record_path, read_fit_record
from learning.fitting import fit_engine
from learning.graph.pixels import blank_outside
from learning.job import FitOptions, Progress, inspected_pixels
from learning.methods.feature_source import BackboneSource
from learning.methods.registry import fitted_methods, int8_method
from learning.normals import Normals
from learning.quantising.backbone import quantise_backbone
from learning.quantising.verdicts import BAND, Values, Verdicts, compare_verdicts
from learning.refit_pictures import find_pictures
from learning.refitting import RefitOptions, recall_options
from learning.thresholds.rules import RULES

BACKBONE_HASH: Final = "backbone_sha256"


@dataclass(frozen=True, slots=True)
class Int8Conversion:
    """before, spec: of the original and the copy. findings: of the copy on its golden pictures.
    verdicts: of the good pictures by models without them, of the golden pictures of the original,
    and of altered pictures. ms: least time of one picture on the CPU, of the original and the
    copy."""

    before: EngineSpec
    spec: EngineSpec
    findings: ParityResult
    verdicts: tuple[Verdicts, ...]
    ms: tuple[float, float]

    @property
    def quantisation(self) -> Quantisation:
        assert self.spec.quantisation is not None, "it is set in convert_to_int8"
        return self.spec.quantisation


def convert_to_int8(
    path: Path,
    pictures: Sequence[Path],
    out: Path,
    ruler: Callable[[EngineSpec], Ruler],
    progress: Progress,
    *,
    options: RefitOptions,
) -> Int8Conversion:
    """Writes `out`. pictures: files with the good pictures of the engine; others are ignored. Not
    needed if they are stored beside the engine. ruler: makes one for the copy.

    Raises ConfigError for an engine that cannot be fitted again, SpecError without a fit record,
    DataError without its pictures, and ParityError, leaving no file, for a verdict that differs
    outside the band.
    """
    before, _, golden_pictures = read_original(path)
    _refuse_unsuitable(path, before)
    record = read_fit_record(fit_record_path(path), before)
    fit_options = recall_options(before, record, options)
    normals = find_pictures(path, before, record, pictures)
    with TemporaryDirectory() as place:
        engine = Path(place) / "engine.onnx"
        quantisation = _fit_int8(fit_options, normals, engine, progress)
        spec = _describe(engine, before, quantisation)
        fitted = read_fit_record(fit_record_path(engine), spec)
        left_out = _compare_left_out(record, before, fitted, spec)
        graph = read_engine(engine)[1]
    with (
        checking.open_unchecked(out, graph, spec, threads=options.threads) as copy,
        contextlib.closing(OnnxEngine(path, threads=options.threads)) as original,
    ):
        findings = compare_golden(copy, ruler=ruler(spec))
        assert findings is not None, "an engine that was just fitted has golden pictures"
        require_parity(findings)
        altered = checking.alter_pictures(normals.pixels, checking.PICTURES, spec.seed + 1)
        verdicts = (
            *left_out,
            _compare_pixels("golden pictures", original, copy, golden_pictures.pixels),
            _compare_pixels("altered pictures", original, copy, altered),
        )
        for group in verdicts:
            group.require()
        ms = time_engines(original, copy, altered[:1])
    write_engine(out, graph, spec)
    return Int8Conversion(before, spec, findings, verdicts, ms)


def _refuse_unsuitable(path: Path, spec: EngineSpec) -> None:
    """Raises ConfigError if no int8 scores of left-out pictures can be computed for the engine."""
    instead = "use it in float32, or convert it with --precision fp16 for a GPU"
    if spec.method not in fitted_methods():
        raise ConfigError(
            f"{path} has the method {spec.method}, which is not fitted from good pictures, so no "
            f"thresholds can be found in int8: {instead}"
        )
    if spec.foreground is not None:
        raise ConfigError(
            f"{path} judges a foreground that was learned from float32 features: {instead}"
        )
    if spec.threshold_rule.rule not in RULES:
        raise ConfigError(
            f"the thresholds of {path} were {spec.threshold_rule.rule}, and scores in int8 need "
            "others: choose them by a rule (`line-inspector threshold --refit`), convert the "
            "engine, and then set those of the copy"
        )


def _fit_int8(options: FitOptions, normals: Normals, out: Path, progress: Progress) -> Quantisation:
    """Writes the engine `out`, fitted on an int8 copy of the backbone."""
    with options.open_source(normals.rule.input_hw) as source:
        if not isinstance(source, BackboneSource) or options.backbone is None:
            raise ConfigError(
                f"method {options.method.name} does not take its features from one pass of a "
                "backbone, so it cannot be converted to int8: use float32, or --precision fp16 on "
                "a GPU"
            )
        layers = source.layers
    inside = inspected_pixels(options.roi, normals.rule)
    seen = dataclasses.replace(normals, pixels=blank_outside(normals.pixels, inside))
    backbone = out.with_name("backbone.onnx")
    quantisation = quantise_backbone(
        options.backbone, layers, seen, backbone, seed=options.seed, threads=options.threads
    )
    method = int8_method(options.method, options.backbone)
    options = dataclasses.replace(options, backbone=backbone, method=method, teachable=False)
    fit_engine(normals, options, out, progress)
    return quantisation


def _describe(engine: Path, before: EngineSpec, quantisation: Quantisation) -> EngineSpec:
    """The spec of the copy. Figures of the pictures are those of the original, which may have read
    more of them."""
    spec, _ = read_engine(engine)
    backbone = {k: v for k, v in before.versions.items() if k == BACKBONE_HASH}
    return dataclasses.replace(
        spec,
        precision="int8",
        requires=(INT8,),
        quantisation=dataclasses.replace(quantisation, band=BAND * spec.image_threshold),
        parameters=spec.parameters | {CONVERTED_FROM: before.graph_hash},
        trained_on=before.trained_on | spec.trained_on,
        good_pictures=before.good_pictures,
        reference_view=before.reference_view,
        versions=spec.versions | backbone,
    )


def _compare_left_out(
    record: FitRecord, before: EngineSpec, fitted: FitRecord, spec: EngineSpec
) -> tuple[Verdicts, ...]:
    """Nothing for an engine of one picture, whose scores are those of altered copies."""
    right, scores = _left_out(record), _left_out(fitted)
    both = [digest for digest in right if digest in scores]
    if not both:
        return ()
    return (
        compare_verdicts(
            "good pictures",
            np.array([right[digest] for digest in both]),
            before.image_threshold,
            np.array([scores[digest] for digest in both]),
            spec.image_threshold,
        ),
    )


def _left_out(record: FitRecord) -> dict[str, float]:
    """Hash of a picture -> its score by a model without it."""
    return {each.sha256: each.score for each in record.pictures if each.score is not None}


def _compare_pixels(name: str, original: OnnxEngine, copy: OnnxEngine, pixels: Image) -> Verdicts:
    right, scores = (_scores(engine, pixels) for engine in (original, copy))
    return compare_verdicts(
        name, right, original.spec.image_threshold, scores, copy.spec.image_threshold
    )


def _scores(engine: OnnxEngine, pixels: Image) -> Values:
    return checking.run_engine(engine, pixels)[1].astype(np.float64)
