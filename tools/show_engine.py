"""Prints what an engine file says about itself: `python -m tools.show_engine ENGINE.onnx`."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import onnx

from engines import golden
from engines.cost import count_cost
from engines.spec import EngineSpec
from engines.spec_fields import PictureStatistics
from engines.spec_file import file_hash, read_engine
from inspector.core.errors import EngineError, SpecError
from tools._cli import guarded, program
from tools._text import describe_backbone, plain_values


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog=program("show-engine"), description="Print what an engine file says."
    )
    parser.add_argument("engine", type=Path)
    parser.add_argument("--json", action="store_true", help="the whole spec, with golden pictures")
    arguments = parser.parse_args(argv)
    spec, model = read_engine(arguments.engine)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(spec), indent=2, sort_keys=True))
        return 0
    print(f"{arguments.engine}, {arguments.engine.stat().st_size / 1e6:.1f} MB")
    print(f"sha256 {file_hash(arguments.engine)}")
    for name, text in (_lines(spec) | {"work": _work(model)}).items():
        print(f"{name:18} {text}")
    return 0


def _lines(spec: EngineSpec) -> dict[str, str]:
    kept = golden.unpack(spec)
    return {
        "name": f"{spec.name}, format {spec.format}, made {spec.created_utc or 'at unknown time'}",
        "method": f"{spec.method}, {plain_values(spec.parameters)}",
        "backbone": f"{describe_backbone(spec.backbone, spec.layers)}, "
        f"licence {spec.licence or 'none'}",
        "frames": f"{_size(spec.frame_hw)}, seen at {_size(spec.resize.input_hw)}, "
        f"crop {spec.resize.crop}, {spec.resize.kind}",
        "map": f"{_size(spec.map_hw)}, {spec.precision}",
        "region": _region(spec),
        "image threshold": f"{spec.image_threshold:.6g}",
        "pixel threshold": f"{spec.pixel_threshold:.6g}",
        "threshold rule": "; ".join(spec.threshold_rule.sentences()),
        "display range": f"{spec.display_range[0]:.4g} to {spec.display_range[1]:.4g}",
        "trained on": plain_values(spec.trained_on),
        "good pictures": _statistics(spec.good_pictures),
        "parity": plain_values(spec.parity),
        "golden pictures": "none" if kept is None else str(len(kept.scores)),
        "graph sha256": spec.graph_hash,
        "versions": plain_values(spec.versions),
        "seed": str(spec.seed),
    }


def _work(model: onnx.ModelProto) -> str:
    try:
        cost = count_cost(model)
    except (EngineError, SpecError) as exc:
        return f"unknown: {exc}"
    return f"{cost.gflop:.4g} GFLOP a picture, constants {cost.constant_bytes / 1e6:.4g} MB"


def _statistics(good: PictureStatistics | None) -> str:
    """Grey levels from the lowest to the highest good picture."""
    if good is None:
        return "not measured"
    ends = ((row.name, row.quantiles[0], row.quantiles[-1]) for row in good.figures)
    ranges = (f"{name} {lowest:.4g} to {highest:.4g}" for name, lowest, highest in ends)
    return f"{good.count}, {', '.join(ranges)}"


def _size(hw: tuple[int, int]) -> str:
    return f"{hw[1]}x{hw[0]}"


def _region(spec: EngineSpec) -> str:
    if spec.roi is None:
        return "whole frame"
    return f"{len(spec.roi.inspect)} polygons to inspect, {len(spec.roi.ignore)} to ignore"


if __name__ == "__main__":
    sys.exit(main())
