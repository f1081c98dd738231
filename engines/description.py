"""Describes an engine in text for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engines import golden
from engines.power_description import describe_power, describe_rates
from engines.spec import EngineSpec
from engines.spec_fields import (
    Foreground,
    PictureFigure,
    PictureStatistics,
    Quantisation,
    Selection,
)

BEST: Final = 3
"""Settings that are listed of those that were tried."""


def describe_engine(spec: EngineSpec) -> dict[str, str]:
    """Name of a line -> its text, for everything that an engine file says about itself."""
    pictures = golden.unpack(spec)
    return {
        "name": f"{spec.name}, format {spec.format}, made {spec.created_utc or 'at unknown time'}",
        "method": f"{spec.method}, {plain_values(spec.parameters)}",
        "backbone": f"{describe_backbone(spec.backbone, spec.layers)}, "
        f"licence {spec.licence or 'none'}",
        "frames": f"{_size(spec.frame_hw)}, resized to {_size(spec.resize.input_hw)}, "
        f"crop {spec.resize.crop}, {spec.resize.kind}",
        "map": f"{_size(spec.map_hw)}, {spec.precision}",
        "int8": _quantisation(spec.quantisation),
        "region": _region(spec),
        "foreground": describe_foreground(spec.foreground),
        "image threshold": f"{spec.image_threshold:.6g}",
        "pixel threshold": f"{spec.pixel_threshold:.6g}",
        "threshold rule": "; ".join(spec.threshold_rule.sentences()),
        "rates": "\n" + "\n".join(describe_rates(spec)) if spec.rates else "not measured",
        "simulated defects": "; ".join(describe_power(spec)) or "not measured",
        "settings": "\n" + "\n".join(describe_selection(spec.selection)),
        "display range": f"{spec.display_range[0]:.4g} to {spec.display_range[1]:.4g}",
        "trained on": plain_values(spec.trained_on),
        "good pictures": _statistics(spec.good_pictures),
        "parity": plain_values(spec.parity),
        "golden pictures": "none" if pictures is None else str(len(pictures.scores)),
        "graph sha256": spec.graph_hash,
        "versions": plain_values(spec.versions),
        "seed": str(spec.seed),
    }


def describe_backbone(name: str, layers: Sequence[str]) -> str:
    """Name and layers in one line; name is "" for a method without a backbone."""
    listed = f"layers {', '.join(layers)}" if layers else "no layers"
    return f"{name or 'none'}, {listed}"


def describe_settings(method: str, settings: Mapping[str, Any]) -> str:
    """A method with its settings in one line."""
    listed = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{method} ({listed})" if listed else method


def describe_selection(selection: Selection | None) -> list[str]:
    """How the settings were chosen, a line per sentence."""
    if selection is None:
        return ["set by the user"]
    tried = sorted(
        (each for each in selection.candidates if each.score is not None),
        key=lambda each: -(each.score or 0.0),
    )
    best = "; ".join(
        f"{describe_settings(each.method, each.settings)} {each.score:.1%}" for each in tried[:BEST]
    )
    skipped = len(selection.candidates) - len(tried)
    return [
        selection.reason,
        f"figure: {selection.criterion}",
        f"{len(tried)} settings tried, {skipped} skipped; the best: {best}",
    ]


def plain_values(values: Mapping[str, Any]) -> str:
    """Names and values in one line: floats with three digits, inner mappings in parentheses."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return f"({plain_values(value)})"
    return str(value)


def _statistics(good: PictureStatistics | None) -> str:
    """Values from the lowest to the highest good picture, and the limits of new frames."""
    if good is None:
        return "not measured"
    text = f"{good.count}, {', '.join(map(_figure, good.figures))}"
    if good.false_alarm_rate is None:
        return text
    return (
        f"{text}; on average at most {good.false_alarm_rate:.2%} of new good pictures are outside "
        "the limits, in addition to those that fail by score"
    )


def _figure(figure: PictureFigure) -> str:
    ends = f"{figure.name} {figure.quantiles[0]:.4g} to {figure.quantiles[-1]:.4g}"
    if figure.low is None and figure.high is None:
        return ends
    low = "any" if figure.low is None else f"{figure.low:.4g}"
    high = "any" if figure.high is None else f"{figure.high:.4g}"
    return f"{ends} (limits {low} to {high})"


def _size(hw: tuple[int, int]) -> str:
    return f"{hw[1]}x{hw[0]}"


def _quantisation(made: Quantisation | None) -> str:
    if made is None:
        return "no"
    text = (
        f"{made.nodes} layers of the backbone, weights {made.weights}, activations "
        f"{made.activations}, ranges of {made.pictures} good pictures; float32: "
        f"{', '.join(made.float_layers) or 'none'}"
    )
    if made.band is None:
        return text
    return f"{text}; verdicts may differ within {made.band:.4g} of the image threshold"


def describe_foreground(foreground: Foreground | None) -> str:
    """What is judged of a picture."""
    if foreground is None:
        return "everything is judged"
    kind = "a mask of every picture" if foreground.mask is None else "the same for all pictures"
    settings = plain_values(foreground.parameters)
    return f"{foreground.share:.0%} of the picture is judged, {kind}, from {foreground.source}" + (
        f" ({settings})" if settings else ""
    )


def _region(spec: EngineSpec) -> str:
    if spec.roi is None:
        return "whole frame"
    return f"{len(spec.roi.inspect)} polygons to inspect, {len(spec.roi.ignore)} to ignore"
