"""Judges one picture with an engine and explains its defects."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration.plane import Calibration
from inspector.core.arrays import freeze
from inspector.core.clock import now_ns, utc_now
from inspector.core.explanation import Hotspot
from inspector.core.files import write_whole
from inspector.core.types import Defect, Frame, Inspection, Verdict

if TYPE_CHECKING:
    from engines import Engine
    from engines.prediction import AnyPicture

AnyPath = str | Path


@dataclass(frozen=True, slots=True)
class ExplainedPicture:
    """The result of detect_and_explain(). display_range: scores of the ends of the heat colours.
    hotspots: the highest places of the map, if they were requested and there is no defect."""

    inspection: Inspection
    display_range: tuple[float, float]
    hotspots: tuple[Hotspot, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return self.inspection.verdict

    @property
    def score(self) -> float:
        assert self.inspection.score is not None
        return self.inspection.score

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The defect with the highest peak score first. `explanation` of each has its kind."""
        return self.inspection.defects

    @property
    def summary(self) -> str:
        """One sentence about all defects."""
        assert self.inspection.summary is not None
        return self.inspection.summary

    @property
    def report(self) -> str:
        """All sentences and figures as text."""
        from inspector.outputs.explained_pictures import format_report

        return format_report(self.inspection, self.hotspots)

    def save(self, folder: AnyPath, name: str, *, scale: str = "engine") -> list[Path]:
        """Writes {name}_heatmap.png, {name}_boxes.png and {name}_report.txt into a folder,
        which is created if missing, and returns their paths. Replaces older files.

        scale: ends of the heat colours. "engine": those of the engine, the same for all pictures.
        "picture": median and maximum of this map; a good picture has the highest colour, too. If
        both are equal, the scale is that of the engine.

        Raises SinkError (an OSError), and ValueError for another scale.
        """
        from inspector.outputs.explained_pictures import encode_explained

        if scale not in ("engine", "picture"):
            raise ValueError(f"scale must be engine or picture, not {scale!r}")
        ends, scores = self.display_range, self.inspection.anomaly_map
        assert scores is not None
        if scale == "picture" and np.median(scores) < scores.max():
            ends = float(np.median(scores)), float(scores.max())
        files = encode_explained(self.inspection, ends, self.hotspots)
        paths = [Path(folder) / f"{name}{suffix}" for suffix in files]
        for path, data in zip(paths, files.values(), strict=True):
            write_whole(path, data)
        return paths


def detect_and_explain(
    engine: "Engine",
    picture: "AnyPicture | AnyPath",
    *,
    channels: str = "bgr",
    calibration: Calibration | None = None,
    max_defects: int = 8,
    hotspots: int = 0,
) -> ExplainedPicture:
    """Judges a picture with the thresholds of the engine, measures its defects, and explains them.

    engine: an open engine. picture: (H, W, 3) or grey (H, W) uint8, or a picture file. channels:
    bgr or rgb, for arrays. calibration: sizes in millimetres too. max_defects: number of defects
    that are measured on the picture and explained, those with the highest scores first.
    hotspots: most places with the highest scores that a picture without a defect gets.

    Raises DataError for a picture that cannot be used, InferenceError if the result of the engine
    is not finite, and CalibrationSizeError if the picture does not have the size of the
    calibration.
    """
    # These load OpenCV and more. The import of this package must not load them.
    from engines.pictures import decode_picture
    from engines.roi import draw_inspected
    from inspector.core.pictures import as_bgr
    from inspector.explain.explainer import Explainer, find_inspected_area
    from inspector.explain.hotspots import find_hotspots
    from inspector.explain.options import ExplainOptions
    from inspector.measure.analyzer import MapAnalyzer
    from inspector.measure.options import MeasureOptions

    spec, name = engine.spec, None
    if isinstance(picture, str | Path):
        name, channels = Path(picture).name, "bgr"
        picture = decode_picture(Path(picture))
    prediction = engine.predict(picture, channels=channels)
    image = freeze(as_bgr(picture, channels))
    inspected = draw_inspected(spec)
    analyzer = MapAnalyzer(
        calibration, MeasureOptions(max_refined=max_defects), inspected=inspected
    )
    to_frame = prediction.to_picture
    defects = analyzer.analyze(image, prediction.anomaly_map, to_frame, prediction.pixel_threshold)
    inspection = Inspection(
        frame=Frame(0, "picture", image, now_ns(), None, utc_now(), name),
        verdict=Verdict(prediction.verdict),
        image_threshold=prediction.image_threshold,
        pixel_threshold=prediction.pixel_threshold,
        score=prediction.score,
        anomaly_map=prediction.anomaly_map,
        to_frame=to_frame,
        defects=defects,
    )
    explainer = Explainer(ExplainOptions(enabled=True, max_defects=max_defects), inspected)
    spots: tuple[Hotspot, ...] = ()
    if hotspots and not defects:
        scores = prediction.anomaly_map
        area = find_inspected_area(scores.shape, to_frame, inspected, image.shape[:2])
        spots = find_hotspots(scores, area, prediction.pixel_threshold, hotspots)
    return ExplainedPicture(explainer.explain(inspection), spec.display_range, spots)
