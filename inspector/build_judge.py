"""Builds the part of a run that judges frames: measuring, the verdict, and their limits of time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from calibration.plane import Calibration
from engines.roi import draw_inspected
from engines.spec import EngineSpec
from inspector.config import Config
from inspector.core.errors import ConfigError
from inspector.core.refining import MakePlan, Recall, RefinePlan
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Inspection, RunInfo
from inspector.explain.explainer import Explainer
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.live import LiveMeasuring, RecordedPlan
from inspector.measure.network import load_graphs
from inspector.outputs.json_log import read_log
from inspector.processing.postprocess import SCORE, Judge, VerdictOptions


@dataclass(frozen=True, slots=True)
class JudgeParts:
    """live: limits the time for measuring; None for files. deadline_s: of the final verdict; None
    if there is no limit. explain: adds explanations; None if they are off."""

    judge: Judge
    live: LiveMeasuring | None
    deadline_s: float | None
    explain: Callable[[Inspection], Inspection] | None


def make_judge(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    run: RunInfo,
    recall: Recall | None = None,
    *,
    live: bool,
) -> JudgeParts:
    """recall: as in Judge. live: time is limited. Raises ConfigError for a measure.replay that
    cannot be used."""
    inspected = draw_inspected(spec)
    analyzer = MapAnalyzer(calibration, config.measure, inspected=inspected)
    in_px = None
    if calibration is not None:
        in_px = MapAnalyzer(None, config.measure, inspected=inspected).analyze
    sizes_decide = config.verdict.rule != SCORE
    deadline_ms = config.verdict.deadline_ms if live and sizes_decide else None
    limits = None
    if live and config.measure.refine:
        limits = LiveMeasuring(budget_ms=config.measure.budget_ms, deadline_ms=deadline_ms)
        load_graphs()
    if sizes_decide:
        _log_size_rule(config.verdict)
    judge = Judge(
        analyzer.analyze,
        image_threshold=run.image_threshold,
        pixel_threshold=run.pixel_threshold,
        rule=config.verdict.rule,
        size_rule=config.verdict,
        undecided_fails=config.verdict.undecided == "fail",
        make_plan=_read_replay(config.measure.replay, run, live=live) or limits,
        recall=recall,
        analyze_px=in_px,
    )
    explain = Explainer(config.explain, inspected).explain if config.explain.enabled else None
    return JudgeParts(judge, limits, None if deadline_ms is None else deadline_ms / 1e3, explain)


def _log_size_rule(options: VerdictOptions) -> None:
    band = options.guard_band
    logger.info(
        "sizes decide the verdict (verdict.rule {}): the guard band at each limit is {}; a frame "
        "with a size that cannot be decided is {}",
        options.rule,
        f"{band:g} U, with U = 2 u" if band else "off",
        options.undecided.upper(),
    )


def _read_replay(name: str | None, run: RunInfo, *, live: bool) -> MakePlan | None:
    """Reads which regions a live run refined. A frame that is not in its log has no limit."""
    if name is None:
        return None
    if live:
        raise ConfigError(
            f"measure.replay: {run.source.source_id} is live; only files and folders can be "
            "inspected again"
        )
    try:
        records = read_log(Path(name))[1]
    except OSError as exc:
        raise ConfigError(f"measure.replay: cannot read {name}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"measure.replay: {exc}") from exc
    refined = {record["frame_id"]: record.get("refined_regions") for record in records}

    def make_plan(output: EngineOutput) -> RefinePlan | None:
        ranks = refined.get(output.frame.frame_id)
        return None if ranks is None else RecordedPlan(ranks)

    return make_plan
