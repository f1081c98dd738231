"""Engines of every method, with all options that change the graph."""

from pathlib import Path
from typing import Any

from autoencoder_parts import random_model
from engine_parts import HW, parts
from glass_parts import model as glass_model
from ready_methods import ready_method

from learning import finishing
from learning.fitting import fit_engine
from learning.job import FitOptions, MakeOptions
from learning.methods.autoencoder.error_maps import ERRORS
from learning.methods.autoencoder.method import Autoencoder
from learning.methods.base import Scorer
from learning.methods.glass.method import Glass
from learning.methods.registry import fitted_methods, trained_methods

ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in fitted_methods()},
    "winclip, texts alone": ("winclip", {"shots": 0}),
    "rad, radius all": ("rad", {"radius": None}),
    "rad, top_k": ("rad", {"top_k": 3}),
    "rad, float16": ("rad", {"precision": "float16"}),
    "patchcore, large bank": ("patchcore", {"coreset": 0.8}),
    "patchcore, float16": ("patchcore", {"precision": "float16"}),
    "padim, low rank": ("padim", {"form": "low_rank"}),
    "padim, float16": ("padim", {"precision": "float16"}),
    "glass": ("glass", {}),
    **{f"autoencoder, {error}": ("autoencoder", {"error": error}) for error in ERRORS},
}


def make_engine(name: str, options: dict[str, Any], out: Path) -> None:
    if name in trained_methods():
        scorer: Scorer[Any] = Glass() if name == "glass" else Autoencoder(**options)
        backbone = scorer.find_backbone(None)
        options_of_engine = MakeOptions("parts", scorer, backbone, threads=1)
        model = glass_model(37, 11, HW) if name == "glass" else random_model()
        finishing.make_engine(model, parts(8), options_of_engine, out, lambda *_: None)
    else:
        method, backbone = ready_method(name, options, out.parent)
        fit_options = FitOptions("parts", method, backbone, threads=1)
        fit_engine(parts(8), fit_options, out, lambda *_: None)
