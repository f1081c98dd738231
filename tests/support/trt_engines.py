"""An engine of every method, in the forms that make other graphs."""

from pathlib import Path
from typing import Any

from engine_parts import HW, parts
from glass_parts import model as glass_model

from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import make_engine
from learning.fitting import fit_engine
from learning.job import EngineOptions, FitOptions
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


def fit(name: str, options: dict[str, Any], out: Path) -> None:
    if name in trained_methods():
        wanted = EngineOptions("parts", Glass(), resolve(DEFAULT), threads=1)
        make_engine(glass_model(37, 11, HW), parts(8), wanted, out, lambda *_: None)
    else:
        method = make_method(name, options)
        recipe = FitOptions("parts", method, method.find_backbone(None), threads=1)
        fit_engine(parts(8), recipe, out, lambda *_: None)
