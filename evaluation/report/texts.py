"""What an evaluation says, in plain sentences."""

from typing import Final

from evaluation.report import words
from evaluation.results import AtThreshold, ClassResult, Rate

_MOST_NAMES: Final = 5


def sentences(result: ClassResult) -> list[str]:
    """The verdicts at the engine's own thresholds first, what they allow to be said, then the
    ranking."""
    said = [_verdicts(result), *_suspects(result), *_errors(result)]
    said += _ceilings(result.at_threshold)
    return [*said, *_regions(result), _ranking(result), *_selected(result), _speed(result)]


def _verdicts(result: ClassResult) -> str:
    at, engine = result.at_threshold, result.engine
    chosen = words.counted(engine.threshold_normals, "normal picture")
    where = f"At its image threshold {words.score(engine.image_threshold)}, chosen from {chosen}"
    return f"{where}, {_alarms(at.false_alarm_rate)}, and {_found(at)}."


def _alarms(rate: Rate) -> str:
    if not rate.of:
        return "no good picture was there to give a false alarm"
    called = "is" if rate.count == 1 else "are"
    who = words.counted(rate.of, "good picture")
    return f"{rate.count} of {who} {called} called defective{_interval(rate)}"


def _found(at: AtThreshold) -> str:
    rate = at.miss_rate
    if not rate.of:
        return "no defective picture was there to be found"
    found = "is" if at.true_alarms == 1 else "are"
    missed = "is" if rate.count == 1 else "are"
    who = f"{at.true_alarms} of {words.counted(rate.of, 'defective picture')} {found} found"
    return f"{who}; {rate.count} {missed} missed, {percent_of(rate)}"


def percent_of(rate: Rate) -> str:
    """The share and its interval."""
    return "-" if rate.share is None else f"{words.percent(rate.share)}{_interval(rate)}"


def _interval(rate: Rate) -> str:
    if rate.interval is None:
        return ""
    low, high = rate.interval
    return f" (95 % interval {words.percent(low)} to {words.percent(high)})"


def _suspects(result: ClassResult) -> list[str]:
    trained = result.engine.trained_on
    names = [str(name) for name in trained.get("suspects", ())]
    if not names or trained.get("suspects_dropped"):
        return []
    stand = "stands" if len(names) == 1 else "stand"
    shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
    return [
        f"Of the normal pictures, {len(names)} {stand} out from the others and may raise the "
        f"thresholds, so that defects are missed: {shown}."
    ]


def _errors(result: ClassResult) -> list[str]:
    if not result.errors:
        return []
    count = words.counted(len(result.errors), "picture")
    return [f"{count} could not be judged (ERROR) and counts in no figure: see the list below."]


def _ceilings(at: AtThreshold) -> list[str]:
    """A rate of none is no promise of none."""
    said = []
    for rate, what, whom in (
        (at.false_alarm_rate, "false alarm", "good"),
        (at.miss_rate, "miss", "defective"),
    ):
        if rate.count == 0 and rate.of and rate.interval is not None:
            among = words.counted(rate.of, f"{whom} picture")
            said.append(
                f"No {what} among {among} still allows a true rate of up to "
                f"{words.percent(rate.interval[1])}."
            )
    return said


def _regions(result: ClassResult) -> list[str]:
    at = result.at_threshold
    if not at.regions_found.of:
        return []
    regions, false = at.regions_found, at.false_regions
    marked = words.counted(false.of, "good picture")
    return [
        f"At its pixel threshold {words.score(result.engine.pixel_threshold)} the map marks "
        f"{regions.count} of {words.counted(regions.of, 'defect region')}{_interval(regions)}, and "
        f"falsely marks something on {false.count} of {marked}{_interval(false)}."
    ]


def _ranking(result: ClassResult) -> str:
    figure = result.figures.image_auroc
    if figure.value is None:
        return f"How well scores rank good and defective pictures is undefined: {figure.reason}."
    share = words.percent(figure.value)
    return f"A defective picture scores above a good one in {share} of all pairs (image AUROC)."


def _selected(result: ClassResult) -> list[str]:
    threshold, best = result.test_selected.image_threshold, result.figures.image_f1_max.value
    if threshold is None or best is None:
        return []
    return [
        f"The threshold that would suit these very pictures best is {words.score(threshold)} "
        f"(F1 {words.fraction(best)}); it was selected on the test pictures, so it is an upper "
        "bound for comparison and promises nothing."
    ]


def _speed(result: ClassResult) -> str:
    latency = result.latency
    if latency.total_p50_ms is None:
        return "No latency was measured."
    return (
        f"One picture takes {words.milliseconds(latency.total_p50_ms)} in the median and "
        f"{words.milliseconds(latency.total_p99_ms)} at the 99th percentile on "
        f"{latency.running_on}."
    )
