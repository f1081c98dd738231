"""Prints what a new engine is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from loguru import logger

from engines.description import describe_backbone, describe_foreground, plain_values
from engines.power_description import USEFUL, describe_power, describe_rates, share_found
from engines.spec import EngineSpec
from learning.fit_record import fit_record_path
from learning.job import EngineResult
from tools._cli import program

INTERNAL: Final = ("model_bytes", "score_step", "score_top_k", "precision")
"""Parameters of an engine that no option sets."""


INDENT: Final = "\n" + 17 * " "


def report(result: EngineResult, pages: Mapping[str, str] = MappingProxyType({})) -> None:
    """pages: sentences about the pages beside the engine, by the name of the line."""
    spec = result.spec
    made, trained = spec.parameters, spec.trained_on
    size, frame = spec.resize.input_hw, spec.frame_hw
    foreground = "" if spec.foreground is None else describe_foreground(spec.foreground)
    lines = {
        "engine": f"{result.path}, {result.file_bytes / 1e6:.1f} MB, "
        f"{sum(result.seconds.values()):.1f} s",
        "fit record": f"{fit_record_path(result.path)}; only refit needs it",
        "pictures": f"{_count(trained['count'])} of {trained['name']}, "
        f"{trained['unreadable']} unreadable, {trained['empty']} empty, "
        f"{trained['copies']} copies, {trained['unused']} not used, "
        f"{len(trained['suspects'])} standing out",
        "input": f"{size[1]}x{size[0]} px (width x height) for frames of {frame[1]}x{frame[0]}",
        "foreground": foreground,
        "backbone": describe_backbone(spec.backbone, spec.layers),
        spec.method: f"{made['model_bytes'] / 1e6:.1f} MB {spec.precision}; "
        f"{plain_values(_settings(made))}; `{program('show-engine')} {result.path}` shows all",
    }
    print_facts(spec, {**lines, **pages})


def _settings(made: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the method, without internal values and what is off."""
    return {
        name: value
        for name, value in made.items()
        if name not in INTERNAL and isinstance(value, int | float | str)
    }


def print_facts(spec: EngineSpec, facts: Mapping[str, str]) -> None:
    """Prints a line for each fact, then the thresholds and the result of the check."""
    check = spec.parity
    checked = {
        "image threshold": f"{spec.image_threshold:.4f}",
        "pixel threshold": f"{spec.pixel_threshold:.4f}",
        "chosen by": INDENT.join(spec.threshold_rule.sentences()),
        "other errors": _describe_limits(spec),
        "rates": INDENT.join(describe_rates(spec)),
        "found": INDENT.join(describe_power(spec)) or "no defects were simulated",
        "check": f"engine and method agree on {check['pictures']} good pictures that were moved, "
        f"brightened or spotted: map within {check['map_max_abs']:.1e}, score within "
        f"{check['score_max_abs']:.1e} (allowed: {check['tolerance']:.1e}), "
        f"{check['decision_flips']} verdicts differ",
    }
    for name, text in {**facts, **checked}.items():
        if text:
            print(f"{name:16} {text}")
    share = share_found(spec)
    if share is not None and share < USEFUL:
        print(
            f"{'warning':16} at this threshold the engine misses {1 - share:.0%} of the "
            "simulated defects"
        )


def _describe_limits(spec: EngineSpec) -> str:
    good = spec.good_pictures
    if good is None or good.false_alarm_rate is None:
        return "frames are not compared with the good pictures, because there are too few"
    aligned = spec.reference_view is not None and spec.reference_view.aligned
    place = ", or at another place," if aligned else ""
    return (
        "a frame that is dark, blurred, of another colour or covered"
        f"{place} is ERROR; on average at most {good.false_alarm_rate:.2%} of new good pictures, "
        "in addition to those that fail"
    )


def warn_of_turned_input(input_hw: tuple[int, int], frame_hw: tuple[int, int]) -> None:
    """Warns if the input is upright and the frames are wide, or the other way round."""
    if (input_hw[0] - input_hw[1]) * (frame_hw[0] - frame_hw[1]) < 0:
        logger.warning(
            "the input of {}x{} px (width x height) is turned against the frames of {}x{}; sizes "
            "are given as WIDTHxHEIGHT, which was HEIGHTxWIDTH in earlier versions",
            *(*input_hw[::-1], *frame_hw[::-1]),
        )


def _count(pictures: int | None) -> str:
    """Of pictures that were fitted; an import does not know them."""
    return "an unknown number" if pictures is None else str(pictures)
