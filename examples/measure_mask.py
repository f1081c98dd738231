"""Measures the defects of a mask: counts, areas, severities, JSON, CSV and a drawing.

How to run it:
    python examples/measure_mask.py MASK.png OUT_FOLDER --mm-per-px 0.1

MASK.png: a grey picture; pixels above 127 are defective. The script writes defects.json,
defects.csv and drawing.png to OUT_FOLDER.
"""

import argparse
from pathlib import Path

import cv2

from inspector import DefectSizeAnalyzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mask", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mm-per-px", type=float, required=True)
    arguments = parser.parse_args()

    mask = cv2.imread(str(arguments.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"{arguments.mask} is not a readable picture")
    analyzer = DefectSizeAnalyzer(
        pixel_size=arguments.mm_per_px, physical_unit="mm", min_defect_area=10
    )
    metrics = analyzer.analyze_defects(mask, threshold=128)

    print(f"{metrics.num_defects} defects, {metrics.defect_percentage:.2f} % of the mask")
    print(f"total {metrics.total_defect_area_physical:.3f} {metrics.physical_unit}2")
    for area, severity in zip(metrics.defect_areas_physical or (), metrics.severities, strict=True):
        print(f"  {area:.3f} {metrics.physical_unit}2, {severity}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "defects.json").write_text(metrics.to_json(), encoding="utf-8")
    (arguments.out / "defects.csv").write_text(metrics.to_csv(), encoding="utf-8", newline="")
    cv2.imwrite(str(arguments.out / "drawing.png"), metrics.draw(mask))


if __name__ == "__main__":
    main()
