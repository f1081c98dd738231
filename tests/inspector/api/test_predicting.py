"""Compares predict() with the pipeline."""

from pathlib import Path

import numpy as np
from flow_rig import bad_picture, good_picture, write_pictures

import engines
import inspector


def test_predict_gives_what_the_pipeline_gives(tmp_path: Path, engine: Path) -> None:
    pictures = [good_picture(1), bad_picture(2), np.repeat(bad_picture(3), 2, axis=1)]
    folder = write_pictures(tmp_path / "pictures", pictures)
    settings = {"measure.refine": False, "engine.allow_aspect": True, "health.outside": "warn"}
    with (
        engines.open_engine(engine, threads=1) as open_engine,
        inspector.inspect(folder, engine, settings=settings) as inspections,
    ):
        for picture, inspection in zip(pictures, inspections, strict=True):
            prediction = open_engine.predict(picture)
            assert inspection.anomaly_map is not None
            np.testing.assert_array_equal(prediction.anomaly_map, inspection.anomaly_map)
            assert prediction.score == inspection.score
            assert prediction.verdict is inspection.verdict
            assert prediction.to_picture == inspection.to_frame
            metrics = inspector.DefectSizeAnalyzer().analyze_defects(
                prediction.anomaly_map, prediction.pixel_threshold
            )
            assert metrics.num_defects == len(inspection.defects)
