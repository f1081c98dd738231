"""Published figures of methods on public data sets, and a table of new figures beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evaluation.results import DatasetResult, mean_metric

MVTEC: Final = "mvtec-ad"
VISA: Final = "visa"
"""Data sets, named as in learning.downloads.public_sets."""

TITLES: Final = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
}

SIGMAS: Final = {"winclip": 0.0}
"""Smoothing of the map in px where a method is published with another one than the default."""


@dataclass(frozen=True, slots=True)
class Published:
    """Means over all classes of a data set. options: of the method, those that matter. figures:
    metric -> value; a metric that is not published is missing."""

    method: str
    options: Mapping[str, Any]
    data_set: str
    figures: Mapping[str, float]
    source: str


def _winclip(shots: int, data_set: str, image: float, pixel: float, source: str) -> Published:
    options = {"shots": shots, "windows": "exact"}
    figures = {"image_auroc": image, "pixel_auroc": pixel}
    return Published("winclip", options, data_set, figures, source)


_PAPER: Final = "WinCLIP, CVPR 2023, texts alone"
_FEW: Final = "Accurate-WinCLIP, {} good"

PUBLISHED: Final = (
    _winclip(0, MVTEC, 0.918, 0.851, _PAPER),
    _winclip(1, MVTEC, 0.937, 0.936, _FEW.format(1)),
    _winclip(2, MVTEC, 0.937, 0.938, _FEW.format(2)),
    _winclip(4, MVTEC, 0.953, 0.942, _FEW.format(4)),
    _winclip(8, MVTEC, 0.956, 0.945, _FEW.format(8)),
    _winclip(0, VISA, 0.781, 0.796, _PAPER),
    _winclip(1, VISA, 0.838, 0.947, _FEW.format(1)),
    _winclip(2, VISA, 0.834, 0.951, _FEW.format(2)),
    Published(
        "winclip-seed",
        {},
        MVTEC,
        {"image_auroc": 0.748, "pixel_auroc": 0.884, "pixel_ap": 0.311},
        "a variant with a scale of each picture",
    ),
    Published(
        "patchcore",
        {"coreset": 0.1},
        MVTEC,
        {"image_auroc": 0.992, "pixel_auroc": 0.981},
        "its authors, WideResNet-50, 10 %",
    ),
    Published(
        "padim",
        {},
        MVTEC,
        {"image_auroc": 0.955, "pixel_auroc": 0.973},
        "xiahaifeng1995, WideResNet-50",
    ),
)
"""Each figure was read in the publication or the program that it names."""


def find_published(
    method: str, options: Mapping[str, Any], data_set: str | None
) -> tuple[Published, ...]:
    """options: of the method, defaults included. data_set: None for one that is not public."""
    return tuple(
        row
        for row in PUBLISHED
        if (row.method, row.data_set) == (method, data_set)
        and all(options.get(key) == value for key, value in row.options.items())
    )


def benchmark_lines(
    result: DatasetResult, published: tuple[Published, ...], names: Collection[str]
) -> list[str]:
    """A row for each class, their mean, and the published means. names: of all classes of the data
    set."""
    here = {each.name: [getattr(each.figures, n).value for n in TITLES] for each in result.classes}
    missing = sorted(set(names) - here.keys())
    here["mean"] = [mean_metric(name, result.classes).value for name in TITLES]
    other = {
        f"published: {row.source}": [row.figures.get(name) for name in TITLES] for row in published
    }
    width = max(map(len, ("class", *here, *other)))
    lines = [" ".join((f"{'class':{width}}", *(f"{title:>11}" for title in TITLES.values())))]
    for name, values in (here | other).items():
        cells = ("-" if value is None else f"{value:.3f}" for value in values)
        lines.append(" ".join((f"{name:{width}}", *(f"{cell:>11}" for cell in cells))))
    if not published:
        lines.append("note: no published figures are known for this method, options and data set")
    elif missing:
        lines.append(
            f"note: published figures are means over all {len(names)} classes; {len(missing)} of "
            f"them are missing here, such as {missing[0]}"
        )
    lines += [f"{failure.name}: not evaluated: {failure.reason}" for failure in result.failures]
    return lines
