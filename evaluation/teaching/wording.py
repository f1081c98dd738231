"""Words a comparison: for the terminal, for the page, and as plain values."""

import dataclasses
from typing import Any

from engines.spec import EngineSpec
from evaluation import formats
from evaluation.teaching.comparison import FAIL, PASS, EngineComparison, ScoredTwice, list_caught
from learning.thresholds.changing import read_left_out
from learning.thresholds.choosing import independent_parts
from learning.thresholds.rules import least_promise

BY_SCORE = (
    "Verdicts here compare the score with the image threshold of each engine file. If sizes decide "
    "the verdict, or thresholds are set elsewhere, `line-inspector replay RUN --engine CANDIDATE` "
    "judges a run again with all its settings."
)


def describe_promise(spec: EngineSpec) -> list[str]:
    """What the thresholds promise, and the most that so many good pictures can promise."""
    sentences = list(spec.threshold_rule.sentences())
    if spec.left_out is not None:
        parts = independent_parts(read_left_out(spec.left_out))
        sentences.append(
            f"{parts.count} {parts.unit} can promise an average rate of false alarms of "
            f"{1 / (parts.count + 1):.1%} at best, and with 95 % confidence a limit of "
            f"{least_promise(parts.count):.1%} at best"
        )
    return sentences


def describe_changes(comparison: EngineComparison) -> list[str]:
    """One sentence per line."""
    fails, changed = comparison.fails, comparison.changed
    fitted = [each for each in comparison.pictures if each.fitted]
    lines = [
        f"{formats.count_of(len(comparison.pictures), 'stored picture')} judged by both; "
        f"{len(changed)} with another verdict"
    ]
    if fails.frames:
        lines.append(
            f"of {fails.frames} that the candidate was not fitted on, {fails.pass_to_fail} change "
            f"from PASS to FAIL and {fails.fail_to_pass} from FAIL to PASS"
            + _interval(fails.interval)
        )
    if fitted:
        lines.append(
            f"the candidate was fitted on {formats.count_of(len(fitted), 'picture')} of them; "
            "their verdicts say nothing about other pictures"
        )
    if caught := list_caught(comparison):
        found_now = sum(text == "the candidate finds it" for _, text in caught)
        lines.append(f"the candidate finds {found_now} of {len(caught)} known defects")
    if lost := [each for each in comparison.missed if comparison.verdicts(each) == (FAIL, PASS)]:
        lines.append(
            f"WARNING: {formats.count_of(len(lost), 'known defect')} that the engine finds would "
            "PASS with the candidate"
        )
    lines += [f"not judged: {label}: {why}" for label, why in comparison.unused]
    return lines


def describe_picture(comparison: EngineComparison, scored: ScoredTwice) -> str:
    """Label, verdicts and scores of a picture."""
    old, new = comparison.verdicts(scored)
    limits = comparison.before.image_threshold, comparison.after.image_threshold
    return (
        f"{scored.picture.label}: {old} -> {new}, score "
        f"{formats.score_beside(scored.old, limits[0])} -> "
        f"{formats.score_beside(scored.new, limits[1])}"
        + (f", answered as {scored.picture.answer}" if scored.picture.answer else "")
        + (", in the candidate" if scored.fitted else "")
    )


def plain_comparison(comparison: EngineComparison) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "engine": _plain_spec(comparison.before),
        "candidate": _plain_spec(comparison.after),
        "judged": len(comparison.pictures),
        "fails": dataclasses.asdict(comparison.fails),
        "pictures": [
            {
                "path": str(each.picture.path),
                "label": each.picture.label,
                "answer": each.picture.answer,
                "old_score": each.old,
                "new_score": each.new,
                "old_verdict": comparison.verdicts(each)[0],
                "new_verdict": comparison.verdicts(each)[1],
                "fitted": each.fitted,
            }
            for each in comparison.pictures
        ],
        "missed": [
            {"label": each.picture.label, "new_score": each.new, "found": text}
            for each, text in list_caught(comparison)
        ],
        "not_judged": [{"label": label, "reason": why} for label, why in comparison.unused],
    }


def _plain_spec(spec: EngineSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "method": spec.method,
        "good_pictures": spec.trained_on["count"],
        "image_threshold": spec.image_threshold,
        "pixel_threshold": spec.pixel_threshold,
        "false_alarm_rate": spec.threshold_rule.false_alarm_rate,
        "promise": spec.threshold_rule.promise,
        "sentences": describe_promise(spec),
    }


def _interval(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    low, high = interval
    return f" (95 % interval of the change of the FAIL rate: {low:+.1%} to {high:+.1%})"
