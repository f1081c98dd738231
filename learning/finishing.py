"""Turns a fitted model into a checked engine file: thresholds, graph, spec, check, write."""

import contextlib
import dataclasses
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.spec import EngineSpec
from engines.spec_fields import Selection
from engines.spec_file import read_engine, write_engine
from inspector.core.clock import utc_now
from inspector.core.errors import DataError
from learning import checking
from learning.fit_record import (
    DROPPED,
    fit_record_path,
    good_pictures,
    make_fit_record,
    write_fit_record,
)
from learning.graph.assemble import build_graph
from learning.job import EngineJob, EngineResult, MakeOptions, Progress
from learning.methods.base import Scorer
from learning.normals import Normals
from learning.picture_limits import GoodPictures, summarise_pictures
from learning.scoring import ScoredModel, refuse_constant, score_normals, trained_on
from learning.thresholds.changing import record
from learning.thresholds.choosing import (
    Thresholds,
    check_supported,
    independent_parts,
    join_notes,
    suspects_note,
)
from learning.thresholds.rates import choose_with_rates, power_at
from learning.thresholds.rules import DROP

GOLDEN: Final = 2
"""Number of pictures that the engine file holds with their reference outputs."""


def make_engine(
    model: Any,
    normals: Normals,
    options: MakeOptions,
    out: Path,
    progress: Progress,
    *,
    fitted: Normals | None = None,
    parameters: Mapping[str, Any] | None = None,
    note: str = "",
) -> EngineResult:
    """Writes the engine file of a model that exists already, such as a trained or imported one.

    normals: pictures that the model was not fitted on; the thresholds are chosen from their scores.
    fitted: the pictures that it was fitted on, None if they are not known. parameters: for the
    spec, beside those of the method. note: is added to the note of the thresholds. Raises
    ConfigError if the normals cannot support the rule, DataError if all normals have the same score
    or no score could reach the threshold, and ParityError, leaving no file, if the engine does not
    compute what its method says.
    """
    check_supported(options.rule, len(normals.names))
    with EngineJob(options, normals, progress) as job:
        scored = score_normals(job, model, fitted=fitted)
        refuse_constant(
            f"the score of method {options.method.name}",
            scored.left_out.scores,
            normals.pixels,
            reason="the model does not fit these pictures: check that the checkpoint was made for "
            "this product, and the options of its backbone and its input",
        )
        job.end_step("score")
        return finish_engine(job, scored, out, note=note, parameters=parameters)


def finish_engine(
    job: EngineJob,
    scored: ScoredModel,
    out: Path,
    *,
    note: str = "",
    parameters: Mapping[str, Any] | None = None,
    selection: Selection | None = None,
    pictures: Mapping[str, Any] | None = None,
) -> EngineResult:
    """Writes the engine file `out` of a scored model, and the fit record beside it. See
    make_engine. pictures: for trained_on, beside its usual values."""
    options, method = job.options, job.options.method
    note = join_notes(
        note, suspects_note(len(scored.suspects), options.suspects, options.rule.name)
    )
    thresholds, rates = choose_with_rates(
        scored.left_out,
        options.rule,
        scored.simulated,
        anomalous=scored.anomalous,
        dropped=options.suspects == DROP and bool(scored.suspects),
        note=note,
    )
    _refuse_unreachable(thresholds, method)
    graph, digest = build_graph(
        job.source.graph,
        lambda features: job.method.head(scored.model, features, job.canvas),
        opset=job.source.opset,
        input_hw=job.normals.rule.input_hw,
        map_hw=job.canvas.map_hw,
        inside=job.inside,
    )
    spec = _spec(job, scored, thresholds, digest, parameters or {})
    spec = dataclasses.replace(
        spec,
        trained_on=spec.trained_on | dict(pictures or {}),
        rates=rates,
        selection=selection,
        power=power_at(scored.simulated, thresholds.image),
    )
    job.end_step("build")
    with checking.unchecked_file(out, graph, spec) as path:
        del graph  # so that it and the engine that is checked do not need memory together
        spec = _check(job, path, spec, scored.model)
        # First the record: if it cannot be written, there is no engine either.
        write_fit_record(fit_record_path(out), make_fit_record(spec, job, scored))
        write_engine(out, read_engine(path)[1], spec)
    job.end_step("parity")
    return EngineResult(out, spec, out.stat().st_size, job.seconds, foreground=options.foreground)


def _spec(
    job: EngineJob,
    scored: ScoredModel,
    thresholds: Thresholds,
    digest: str,
    parameters: Mapping[str, Any],
) -> EngineSpec:
    source, normals, options = job.source, job.normals, job.options
    fitted, good = scored.fitted, _summarise_good(job, scored)
    return EngineSpec(
        name=options.name,
        method=options.method.name,
        backbone=source.backbone_name,
        layers=source.layers,
        frame_hw=normals.frame_hw,
        aspects=normals.aspects,
        resize=normals.rule,
        map_hw=job.canvas.map_hw,
        image_threshold=thresholds.image,
        pixel_threshold=thresholds.pixel,
        threshold_rule=thresholds.rule,
        display_range=thresholds.display_range,
        graph_hash=digest,
        precision=options.method.precision,
        roi=options.roi,
        foreground=None if options.foreground is None else options.foreground.spec,
        parameters=_drawing(job) | job.method.describe(scored.model) | dict(parameters),
        trained_on=trained_on(scored, normals, options.suspects),
        left_out=record(scored.left_out, () if fitted is None else fitted.pixels),
        good_pictures=good.statistics,
        reference_view=good.view,
        licence=source.licence,
        seed=options.seed,
        versions=_versions() | {f"{key}_sha256": sha for key, sha in source.files.items()},
        created_utc=utc_now(),
    )


def _summarise_good(job: EngineJob, scored: ScoredModel) -> GoodPictures:
    pictures = good_pictures(scored, job.normals, dropped=job.options.suspects == DROP)
    used = (pixels for _, role, pixels in pictures if role != DROPPED)
    independent = independent_parts(scored.left_out).count if job.normals.ordered else None
    return summarise_pictures(
        used, job.inside, independent=independent, bit_depth=job.normals.bit_depth
    )


def _drawing(job: EngineJob) -> dict[str, Any]:
    """How the map is smoothed and the image score is read from it."""
    canvas = job.canvas
    drawing: dict[str, Any] = {"sigma": canvas.sigma}
    if job.options.method.top_fraction is not None:
        drawing |= {
            "top_fraction": canvas.top_fraction,
            "score_step": canvas.step,
            "score_top_k": canvas.top_k,
        }
    return drawing


def _check(job: EngineJob, path: Path, spec: EngineSpec, model: Any) -> EngineSpec:
    """The spec with the figures of the check and golden pictures. path: of the unchecked engine."""
    options = job.options
    pixels = checking.alter_pictures(job.normals.pixels, options.checked, options.seed)
    with contextlib.closing(OnnxEngine(path, threads=options.threads)) as engine:
        outputs = checking.run_engine(engine, pixels)
    # The engine is closed first, so that it and the reference do not need memory together.
    parity, maps, scores = checking.check_engine(
        outputs,
        lambda part: job.method.reference(model, job.features(pixels[part]), job.canvas),
        limit=spec.image_threshold,
        tolerance=options.method.tolerance,
    )
    job.progress("parity", len(pixels), len(pixels))
    golden_pictures = golden.pack(pixels[:GOLDEN], maps[:GOLDEN], scores[:GOLDEN])
    return dataclasses.replace(spec, parity=dataclasses.asdict(parity), golden=golden_pictures)


def _refuse_unreachable(thresholds: Thresholds, method: Scorer[Any]) -> None:
    if max(thresholds.image, thresholds.pixel) > method.highest:
        raise DataError(
            f"good pictures reach the highest score that method {method.name} gives "
            f"({method.highest:g}), so no threshold could separate defects: the model does not "
            "know these pictures as normal"
        )


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "onnx", "spox")}
    return packages | {"python": platform.python_version()}
