"""Makes an int8 engine of the parts, and the float32 engine that it is made from."""

import dataclasses
from pathlib import Path
from typing import Any

from engine_parts import parts

from engines.parity import Ruler
from engines.spec import EngineSpec
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.quantising.converting import Int8Conversion, convert_to_int8
from learning.refitting import RefitOptions


def fit_teachable(out: Path, method: str = "rad", **changes: Any) -> Path:
    """Fits eight parts and stores them beside the engine."""
    made = make_method(method, changes.pop("options", {}))
    options = FitOptions("parts", made, resolve(DEFAULT), threads=1, teachable=True, **changes)
    fit_engine(dataclasses.replace(parts(8), bit_depth=8), options, out, lambda *_: None)
    return out


def ruler_of(spec: EngineSpec) -> Ruler:
    return make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)


def convert_parts(engine: Path, out: Path, *pictures: Path) -> Int8Conversion:
    """Without simulated defects."""
    options = RefitOptions(threads=1)
    return convert_to_int8(engine, pictures, out, ruler_of, lambda *_: None, options=options)
