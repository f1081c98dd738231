"""The metrics of some pictures, with their intervals, as they are stored."""

import math
from collections.abc import Sequence

from evaluation.gathering import scores_of
from evaluation.given import Settings
from evaluation.results import Figure, Figures, PictureResult, Resampled, TestSelected
from learning.metrics import bootstrap, image
from learning.metrics.pixel_bootstrap import PixelBootstrap
from learning.metrics.pixels import PixelCurve
from learning.metrics.value import Metric

NO_MASKS = "no defective picture has a mask"

IMAGE = {"image_auroc": "auroc", "image_ap": "average_precision", "image_f1_max": "f1_max"}
PIXEL = {
    "pixel_auroc": "auroc",
    "pixel_ap": "average_precision",
    "pixel_f1_max": "f1_max",
    "aupro": "aupro",
}
"""Field of Figures -> name in learning.metrics."""


def figures_of(
    pictures: Sequence[PictureResult],
    curve: PixelCurve,
    aupimo: Metric,
    settings: Settings,
    resampled: PixelBootstrap | None = None,
) -> Figures:
    """curve, aupimo: of these pictures. resampled: of them too; None leaves the intervals of the
    pixel figures out."""
    pixel = _pixel(curve, resampled) | {"aupimo": aupimo}
    if not any(one.has_mask for one in pictures if one.defective):
        pixel = dict.fromkeys(pixel, Metric.undefined(_no_masks(pictures)))
    metrics = _image(pictures, settings) | pixel
    return Figures(**{name: figure(metric) for name, metric in metrics.items()})


def selected_on_tests(pictures: Sequence[PictureResult], curve: PixelCurve) -> TestSelected:
    values = (image.f1_max(*scores_of(pictures))[1], curve.f1_max()[1])
    return TestSelected(*(value if math.isfinite(value) else None for value in values))


def figure(metric: Metric) -> Figure:
    value = metric.value if metric.defined else None
    return Figure(value, metric.reason or None, metric.interval, metric.error)


def replicates(figures: Figures, resampled: PixelBootstrap) -> tuple[Resampled, ...]:
    """Each defined pixel figure on each resample, moved by what grouping the scores cost it."""
    found = []
    for name, statistic in PIXEL.items():
        exact = getattr(figures, name).value
        if exact is not None:
            centred = resampled.centred(statistic, exact).tolist()
            values = tuple(v if math.isfinite(v) else None for v in centred)
            found.append(Resampled(name, values))
    return tuple(found)


def _image(pictures: Sequence[PictureResult], settings: Settings) -> dict[str, Metric]:
    scores, defective = scores_of(pictures)
    if not settings.resamples:
        return {
            name: bootstrap.FIGURES[statistic].exact(scores, defective)
            for name, statistic in IMAGE.items()
        }
    return {
        name: bootstrap.with_interval(
            scores, defective, statistic, seed=settings.seed, replicates=settings.resamples
        )
        for name, statistic in IMAGE.items()
    }


def _pixel(curve: PixelCurve, resampled: PixelBootstrap | None) -> dict[str, Metric]:
    exact = {
        "pixel_auroc": curve.auroc(),
        "pixel_ap": curve.average_precision(),
        "pixel_f1_max": curve.f1_max()[0],
        "aupro": curve.aupro(),
    }
    if resampled is None:
        return exact
    return {name: resampled.with_interval(PIXEL[name], metric) for name, metric in exact.items()}


def _no_masks(pictures: Sequence[PictureResult]) -> str:
    defective = any(one.defective for one in pictures)
    return NO_MASKS if defective else "no defective pictures"
