"""Judges single pictures with an engine file and measures the defects of those that fail.

How to run it:
    python examples/predict_pictures.py ENGINE.onnx PICTURE.png [PICTURE.png ...]

ENGINE.onnx: made by `line-inspector fit`. The pictures may have any size.
"""

import argparse
from pathlib import Path

import cv2

import engines
from inspector import DefectSizeAnalyzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    arguments = parser.parse_args()

    analyzer = DefectSizeAnalyzer()  # without a scale: sizes are in pixels
    with engines.open_engine(arguments.engine) as engine:
        for path in arguments.pictures:
            picture = cv2.imread(str(path))  # BGR; for RGB pass channels="rgb" to predict()
            if picture is None:
                raise SystemExit(f"{path} is not a readable picture")
            prediction = engine.predict(picture)
            print(f"{path.name}: {prediction.verdict}, score {prediction.score:.3f}")
            if prediction.verdict == "FAIL":
                metrics = analyzer.analyze_defects(
                    prediction.anomaly_map,
                    threshold=prediction.pixel_threshold,
                    frame=picture,
                    to_frame=prediction.to_picture,
                )
                for defect in metrics.defects:
                    print(f"  {defect.length_px:.0f} x {defect.width_px:.0f} px, {defect.severity}")


if __name__ == "__main__":
    main()
