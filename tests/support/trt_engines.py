"""Engines of every method, with all options that change the graph."""

from pathlib import Path
from typing import Any

from engine_parts import HW, parts
from glass_parts import model as glass_model

from learning import finishing
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions, MakeOptions
from learning.methods.glass.method import Glass
from learning.methods.registry import fitted_methods, make_method, trained_methods

ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in fitted_methods()},
    "rad, radius all": ("rad", {"radius": None}),
    "rad, top_k": ("rad", {"top_k": 3}),
    "rad, float16": ("rad", {"precision": "float16"}),
    "patchcore, float16": ("patchcore", {"precision": "float16"}),
    "padim, low rank": ("padim", {"form": "low_rank"}),
    "padim, float16": ("padim", {"precision": "float16"}),
    "glass": ("glass", {}),
}


def make_engine(name: str, options: dict[str, Any], out: Path) -> None:
    if name in trained_methods():
        options_of_engine = MakeOptions("parts", Glass(), resolve(DEFAULT), threads=1)
        model = glass_model(37, 11, HW)
        finishing.make_engine(model, parts(8), options_of_engine, out, lambda *_: None)
    else:
        method = make_method(name, options)
        fit_options = FitOptions("parts", method, method.find_backbone(None), threads=1)
        fit_engine(parts(8), fit_options, out, lambda *_: None)
