"""Example results and views for the tests of the report, and a parser of its pages."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from evaluation.conclusion import conclude
from evaluation.provenance import DataInfo, EngineInfo, EvaluationRules, Provenance, Settings
from evaluation.report.panels import PictureView
from evaluation.results import (
    ClassResult,
    Histogram,
    KindResult,
    Latency,
    Metrics,
    MetricValue,
    PictureResult,
    Rate,
    RegionGroup,
    ReportCurve,
    TestSelected,
    ThresholdResult,
)
from inspector.core.geometry import Affine
from learning.metrics import image

HOSTILE = "<b>bad</b> & \"quoted\" 'x' ü漢\u202e\udcff\n.png"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects text and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data if self.open[-1] in ("td", "b") else f" {data}"

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def picture(name: str, score: float | None, *, defective: bool = False) -> PictureResult:
    """A picture with its verdict at threshold 0.5; ERROR without a score."""
    if score is None:
        return PictureResult(
            name, f"/data/{name}", "good", defective, False, "ERROR", error=f"{name} is no picture"
        )
    return PictureResult(
        name=name,
        path=f"/data/{name}",
        kind="scratch" if defective else "good",
        defective=defective,
        has_mask=defective,
        verdict="FAIL" if score >= 0.5 else "PASS",
        score=score,
        peak=score * 1.5,
        regions=int(defective),
        regions_found=int(defective and score > 0.3),
        preprocess_ms=1.5,
        infer_ms=12.0,
    )


def make_pictures() -> tuple[PictureResult, ...]:
    """Two false alarms, one miss, one error."""
    good = [picture(f"good/{k:03}.png", 0.1 + 0.03 * k) for k in range(12)]
    alarms = [picture("good/alarm-a.png", 0.61), picture("good/alarm-b.png", 0.5)]
    detected = [picture(f"scratch/{k:03}.png", 0.6 + 0.1 * k, defective=True) for k in range(9)]
    miss = picture("scratch/missed.png", 0.31, defective=True)
    return (*good, *alarms, *detected, miss, picture("good/broken.png", None))


def rate(count: int, of: int) -> Rate:
    if not of:
        return Rate(0, 0, None, None)
    share = count / of
    return Rate(count, of, share, (max(0.0, share - 0.05), min(1.0, share + 0.2)))


def figures(**changed: MetricValue) -> Metrics:
    values = {
        "image_auroc": MetricValue(0.987654, interval=(0.912345, 1.0)),
        "image_ap": MetricValue(0.976543, interval=(0.9, 1.0)),
        "image_f1_max": MetricValue(0.954321, interval=(0.85, 1.0)),
        "pixel_auroc": MetricValue(0.999997, interval=(0.99, 1.0), error=1e-5),
        "pixel_ap": MetricValue(0.61234),
        "pixel_f1_max": MetricValue(0.58765),
        "aupro": MetricValue(0.91111),
        "aupimo": MetricValue(0.43210),
    }
    return Metrics(**(values | changed))


def make_result(
    pictures: tuple[PictureResult, ...] | None = None, **changed: object
) -> ClassResult:
    """One class with consistent numbers; `changed`: fields of the result."""
    visible = make_pictures() if pictures is None else pictures
    scored = [item for item in visible if item.verdict != "ERROR"]
    good, bad = ([item for item in scored if item.defective is kind] for kind in (False, True))
    alarms, misses = sum(p.false_alarm for p in good), sum(p.miss for p in bad)
    regions = rate(sum(p.regions_found for p in bad), sum(p.regions for p in bad))
    scores = np.array([item.score for item in scored])
    steps = image.steps(scores, np.array([item.defective for item in scored]))
    edges = tuple(np.linspace(0, 1.6, 33).tolist())
    counts = [
        tuple(np.histogram([item.score for item in part], edges)[0].tolist())
        for part in (good, bad)
    ]
    result = ClassResult(
        name="cookie",
        made_utc="2026-01-02T03:04:05Z",
        made_from=Provenance("ab" * 32, "cd" * 32, Settings()),
        engine=make_engine_info(),
        data=DataInfo(
            "/data/cookie", "mvtec", len(good), len(bad), len(bad), 1, 10, 0, 0, ("a mask lacks",)
        ),
        rules=EvaluationRules(
            (64, 96),
            "nearest",
            "everything",
            "small: below 1 % of the picture",
            "border: touches the outer tenth",
            "found: marked regions cover a tenth",
            "as the engine states",
            "chosen on the test pictures",
            "bootstrap",
            48_000_000,
        ),
        conclusion=conclude(steps, 0.5),
        figures=figures(),
        at_threshold=ThresholdResult(
            true_alarms=len(bad) - misses,
            false_alarms=alarms,
            misses=misses,
            true_passes=len(good) - alarms,
            false_alarm_rate=rate(alarms, len(good)),
            miss_rate=rate(misses, len(bad)),
            regions_found=regions,
            false_regions=rate(alarms, len(good)),
        ),
        test_selected=TestSelected(0.45678, 0.34567),
        kinds=(
            KindResult("scratch", len(bad), rate(misses, len(bad)), regions, figures()),
            KindResult(
                "dent", 3, rate(1, 3), rate(2, 4), figures(aupimo=MetricValue(None, "no mask"))
            ),
        ),
        sizes=(RegionGroup("small", rate(3, 5), MetricValue(0.7)),),
        places=(RegionGroup("border", rate(0, 0), MetricValue(None, "no region at the border")),),
        curves=(
            ReportCurve("image_roc", (0.0, 0.0, 0.14, 1.0), (0.0, 0.8, 0.9, 1.0)),
            ReportCurve("image_pr", (0.1, 0.8, 1.0), (1.0, 0.98, 0.7)),
            ReportCurve("pro", (0.0, 0.02, 0.3), (0.0, 0.8, 0.97)),
        ),
        score_histogram=Histogram(edges, counts[0], counts[1]),
        pixel_histogram=Histogram((0.0, 0.5, 1.0), (1_000_000, 40), (3, 90_000)),
        resampled=(),
        latency=Latency("onnxruntime 1.2, CPU", 1, len(scored), 1.5, 12.0, 13.5, 20.25),
        pictures=visible,
        warnings=(),
        seconds=3.2,
    )
    return replace(result, **changed)  # type: ignore[arg-type]


def make_engine_info() -> EngineInfo:
    return EngineInfo(
        file="/engines/cookie.onnx",
        sha256="ab" * 32,
        megabytes=15.7,
        name="cookie line",
        method="rad",
        backbone="efficientnet_lite0",
        layers=("stride8", "stride16"),
        input_hw=(64, 96),
        map_hw=(64, 96),
        frame_hw=(128, 192),
        image_threshold=0.5,
        pixel_threshold=0.75,
        threshold_rule="conformal quantile, aimed at 3 % false alarms, from 31 normal pictures",
        threshold_normals=31,
        display_range=(0.1, 1.4),
        trained_on={"name": "train/good", "count": 31},
        licence="MIT",
        created_utc="2026-01-01T00:00:00Z",
    )


def make_view(item: PictureResult) -> PictureView:
    """A grey gradient. A defective picture has a bright square, which the map marks."""
    image = np.zeros((128, 192, 3), np.uint8)
    image[:] = np.linspace(60, 160, 192, dtype=np.uint8)[None, :, None]
    anomaly_map = np.full((64, 96), 0.2, np.float32)
    mask = np.zeros((128, 192), bool)
    if item.defective:
        image[40:70, 100:140] = (40, 40, 220)
        mask[40:70, 100:140] = True
        anomaly_map[18:38, 48:72] = 1.2
    return PictureView(image, anomaly_map, Affine(2, 2), mask if item.has_mask else None)
