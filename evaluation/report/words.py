"""How the report writes numbers: as they are in metrics.json, rounded only for the eye."""

from evaluation.report.markup import Markup, element, joined
from evaluation.results import Figure, Rate

FIGURE_NAMES = {
    "image_auroc": "Image AUROC",
    "image_ap": "Image AP",
    "image_f1_max": "Image F1-max",
    "pixel_auroc": "Pixel AUROC",
    "pixel_ap": "Pixel AP",
    "pixel_f1_max": "Pixel F1-max",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}

FIGURE_MEANINGS = {
    "image_auroc": "chance that a defective picture scores above a good one",
    "image_ap": "mean precision over all recalls",
    "image_f1_max": "best F1 of any image threshold; test-selected",
    "pixel_auroc": "chance that a defective pixel has a higher value than a good one",
    "pixel_ap": "mean precision over all recalls, pixel by pixel",
    "pixel_f1_max": "best F1 of any pixel threshold; test-selected",
    "aupro": "mean overlap per defect region, up to 30 % false-positive pixels",
    "aupimo": "overlap per picture at very few false-positive pixels on good pictures",
}


def fraction(value: float) -> str:
    """Of 0 to 1. Never rounded to 0 or 1 unless it is exactly that."""
    if 0 < value < 0.00005:
        return "<0.0001"
    if 0.99995 < value < 1:
        return ">0.9999"
    return f"{value:.4f}"


def percent(share: float) -> str:
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def score(value: float | None) -> str:
    """In the raw unit of the method, four significant digits."""
    return "-" if value is None else f"{value:#.4g}"


def against(value: float | None, threshold: float) -> str:
    """A score with as many digits as show on which side of the threshold it lies, up to nine."""
    if value is None:
        return "-"
    enough = (n for n in range(4, 9) if f"{value:.{n}g}" != f"{threshold:.{n}g}")
    return f"{value:#.{next(enough, 9)}g}"


def counted(count: int, noun: str, many: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {many or noun + 's'}"


def figure(value: Figure) -> Markup:
    """The number and what is to be said beside it, or "undefined: " and the reason."""
    if value.value is None:
        return element("span", f"undefined: {value.reason}", class_="undefined")
    return joined(number(value.value, value.error), value.reason and f" ({value.reason})")


def number(value: float, error: float = 0.0) -> Markup:
    """With its full digits in the markup, and its error where that may reach the digits shown."""
    shown = element("data", fraction(value), value=repr(value))
    return joined(shown, f" ± {error:.1g}" if error >= 5e-5 else None)


def interval(value: Figure) -> str:
    if value.interval is None:
        return "-"
    low, high = value.interval
    return f"{fraction(low)} to {fraction(high)}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def share_of(value: Rate) -> str:
    """Such as "1 of 14 (7.1 %)"."""
    share = "" if value.share is None else f" ({percent(value.share)})"
    return f"{value.count} of {value.of}{share}"
