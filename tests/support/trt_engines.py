"""Engines of every method, with all options that change the graph."""

from pathlib import Path
from typing import Any

from engine_parts import HW, parts
from glass_parts import model as glass_model

from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import Wanted, engine_of_model
from learning.fitting import Recipe, fit_engine
from learning.methods.base import TRAINED, make_method
from learning.methods.glass.method import Glass

ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "rad": ("rad", {}),
    "rad, radius all": ("rad", {"radius": None}),
    "rad, top_k": ("rad", {"top_k": 3}),
    "rad, float16": ("rad", {"precision": "float16"}),
    "patchcore": ("patchcore", {}),
    "patchcore, float16": ("patchcore", {"precision": "float16"}),
    "padim": ("padim", {}),
    "padim, low rank": ("padim", {"form": "low_rank"}),
    "padim, float16": ("padim", {"precision": "float16"}),
    "glass": ("glass", {}),
}


def make_engine(name: str, options: dict[str, Any], out: Path) -> None:
    if name in TRAINED:
        request = Wanted("parts", Glass(), resolve(DEFAULT), threads=1)
        engine_of_model(glass_model(37, 11, HW), parts(8), request, out, lambda *_: None)
    else:
        recipe = Recipe("parts", make_method(name, options), resolve(DEFAULT), threads=1)
        fit_engine(parts(8), recipe, out, lambda *_: None)
