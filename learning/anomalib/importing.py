"""Makes an engine file from an ONNX export of anomalib 2.x and normal pictures."""

import dataclasses
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from loguru import logger

from engines import golden
from engines.spec import EngineSpec, ThresholdRule
from engines.spec_file import graph_hash, write_engine
from inspector.core.arrays import Image
from inspector.core.clock import utc_now
from inspector.core.errors import ParityError
from inspector.core.names import names_hash
from learning import checking
from learning.anomalib.graph import Export
from learning.anomalib.run import Original, View, Wide
from learning.anomalib.scaling import ScoreScales, apply_scales, refuse_useless, scale_outputs
from learning.anomalib.wrap import ScoreScale, wrap
from learning.normals import Normals
from learning.picture_limits import summarise_pictures
from learning.thresholds import choosing
from learning.thresholds.changing import record, score_with_engine, with_thresholds
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import Rule

TOLERANCE: Final = 1e-4
"""The same as for fitted methods. Eight exports of anomalib 2.7.0 differed by less than 1e-6."""

AT_LIMIT: Final = 0.5
"""anomalib's threshold after its normalisation, unless the graph says otherwise."""

BATCH: Final = 8
GOLDEN: Final = 2

NOTE: Final = (
    "but the pictures that the model was trained on are not known: if these are among them, they "
    "score lower than new ones, so the thresholds are too low and the rates above look too good"
)


@dataclass(frozen=True, slots=True)
class Import:
    """An export and the options of its engine. seed: for the altered pictures of the check."""

    export: Export
    view: View
    name: str
    rule: Rule = field(default_factory=Rule)
    seed: int = 0
    threads: int = 0


def import_engine(normals: Normals, job: Import, out: Path) -> EngineSpec:
    """Writes the engine file. Raises ParityError, leaving no file, if its outputs differ from those
    of the export; DataError if the scores of the export do not separate pictures."""
    choosing.check_supported(job.rule, len(normals.names))
    original = Original(job.export, job.view, job.threads)
    one_by_one = original.needs_single_pictures(normals.pixels)
    altered = checking.alter_pictures(normals.pixels, checking.PICTURES, job.seed)
    raw, shown = _run_in_batches(original, altered)
    _check_normalised(job.export, raw, shown)
    scales = scale_outputs(job.export, [*_raw_values(original, normals.pixels), raw])
    maps, scores = apply_scales(scales, raw)
    graph = wrap(
        job.export,
        job.view,
        {name: scale for name, (scale, _) in scales.items()},
        input_hw=normals.rule.input_hw,
        map_hw=(maps.shape[1], maps.shape[2]),
        batch=1 if one_by_one else "N",
    )
    spec = _make_spec(normals, job, graph, (maps.shape[1], maps.shape[2]))
    spec = dataclasses.replace(
        spec,
        max_batch=1 if one_by_one else None,
        parameters=_parameters(job.export, scales, graph),
    )
    spec = _complete_spec(graph, spec, normals, job, altered, (maps, scores), out)
    write_engine(out, graph, spec)
    return spec


def _run_in_batches(original: Original, pixels: Image) -> tuple[dict[str, Wide], dict[str, Wide]]:
    """Like Original.run, batch by batch."""
    parts = [original.run(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
    raw, shown = (
        {name: np.concatenate([part[name] for part in side]) for name in side[0]}
        for side in zip(*parts, strict=True)
    )
    return raw, shown


def _raw_values(original: Original, pixels: Image) -> Iterator[dict[str, Wide]]:
    for at in range(0, len(pixels), BATCH):
        yield original.run(pixels[at : at + BATCH])[0]


def _check_normalised(export: Export, raw: Mapping[str, Wide], shown: Mapping[str, Wide]) -> None:
    """Checks that the part taken out of the graph is the normalisation: applied to the raw values,
    it must give the outputs of the export."""
    for name, normalised in export.normalised.items():
        again = np.clip((raw[name] - normalised.threshold) / normalised.span + AT_LIMIT, 0, 1)
        if normalised.flat:
            again = (np.sign(raw[name] - np.float32(normalised.threshold)) + 1) / 2
        difference = float(np.abs(again - shown[name]).max())
        if not difference <= TOLERANCE:
            raise ParityError(
                f"{name} of {export.path} is not its raw value normalised: they differ by "
                f"{difference:.3g}, more than {TOLERANCE:.3g}"
            )


def _make_spec(
    normals: Normals, job: Import, graph: onnx.ModelProto, map_hw: tuple[int, int]
) -> EngineSpec:
    """A spec without thresholds. It is enough to score normal pictures."""
    model = job.export.model
    versions = {name: version(name) for name in ("numpy", "onnx")}
    return EngineSpec(
        name=job.name,
        method="anomalib",
        backbone="unknown (inside the model)",
        layers=("unknown",),
        frame_hw=normals.frame_hw,
        aspects=normals.aspects,
        resize=normals.rule,
        map_hw=map_hw,
        image_threshold=1.0,
        pixel_threshold=1.0,
        threshold_rule=ThresholdRule("not chosen yet", None, 0, 0, (0.0, 1.0)),
        display_range=(0.0, 1.0),
        graph_hash=graph_hash(graph),
        licence="unknown",
        seed=job.seed,
        versions=versions
        | {
            "python": platform.python_version(),
            "exporter": f"{model.producer_name} {model.producer_version}".strip(),
        },
        created_utc=utc_now(),
    )


def _parameters(export: Export, scales: ScoreScales, graph: onnx.ModelProto) -> dict[str, Any]:
    """For every output, how the engine computes its value: (value of the tensor - zero) / span."""
    parameters: dict[str, Any] = {"model": export.name or "unknown", "export": export.path.name}
    for name, (scale, became) in scales.items():
        parameters[name] = {
            "normalisation": became,
            "zero": scale.zero,
            "span": scale.span,
            "anomalib_threshold": _anomalib_limit(export, name, scale),
        }
    return parameters | {"model_bytes": graph.ByteSize()}


def _anomalib_limit(export: Export, name: str, scale: ScoreScale) -> float | None:
    """anomalib's threshold as a score of the engine; None if the file does not say."""
    limit, normalised = export.limits.get(name), export.normalised.get(name)
    if normalised is not None:
        above = 0.0 if limit is None or normalised.flat else (limit - AT_LIMIT) * normalised.span
        limit = normalised.threshold + above
    return None if limit is None else float(scale.of(limit))


def _complete_spec(
    graph: onnx.ModelProto,
    spec: EngineSpec,
    normals: Normals,
    job: Import,
    altered: Image,
    expected: tuple[Wide, Wide],
    out: Path,
) -> EngineSpec:
    """The spec with thresholds, the figures of the check and golden pictures."""
    maps, scores = expected
    with checking.open_unchecked(out, graph, spec, threads=job.threads) as engine:
        left_out = score_with_engine(engine, normals.pixels, ordered=normals.ordered)
        refuse_useless(job.export, spec, left_out, normals.pixels)
        limits = choosing.choose_thresholds(left_out, job.rule, note=NOTE)
        parity = checking.compare_outputs(
            checking.run_engine(engine, altered),
            lambda part: (maps[part], scores[part]),
            limit=limits.image,
            tolerance=TOLERANCE,
        )
    good = summarise_pictures(normals.pixels, bit_depth=normals.bit_depth)
    return dataclasses.replace(
        with_thresholds(spec, limits),
        parity=dataclasses.asdict(parity),
        golden=golden.pack(altered[:GOLDEN], maps[:GOLDEN], scores[:GOLDEN]),
        trained_on=_trained_on(normals, left_out),
        left_out=record(left_out, normals.pixels[:0]),
        good_pictures=good.statistics,
        reference_view=good.view,
    )


def _trained_on(normals: Normals, left_out: LeftOut) -> dict[str, Any]:
    """The pictures that thresholds were chosen on. The model was fitted on others."""
    indices = choosing.find_suspects(left_out.scores)
    suspects = [normals.names[index] for index in indices]
    if suspects:
        logger.warning(
            "pictures that stand out among the good ones: {}; they raise the thresholds: "
            "look at them and remove defective ones",
            ", ".join(suspects),
        )
    return {
        "name": f"unknown; thresholds from {normals.name}",
        "count": len(normals.names),
        "list_sha256": names_hash(normals.names),
        "unreadable": len(normals.unread),
        "unused": normals.unused,
        "empty": len(normals.empty),
        "copies": len(normals.copies),
        "held_out": len(normals.names),
        "suspects": suspects,
        "suspects_dropped": False,
    }
