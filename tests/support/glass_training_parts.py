"""Short trainings of GLASS on small generated pictures."""

import numpy as np

from learning.methods.glass.method import trained_glass
from learning.methods.glass.training import checkpoint
from learning.methods.glass.training.batches import TrainingSet
from learning.methods.glass.training.las import Synthesis
from learning.methods.glass.training.options import GlassOptions
from learning.methods.glass.training.textures import BuiltInTextures
from learning.methods.glass.training.trainer import GlassTrainer
from learning.methods.glass.training.validation import synthetic

HW = (64, 96)
SYNTHESIS = Synthesis(BuiltInTextures())
OPTIONS = {"epochs": 4, "batch": 4, "every": 1, "threads": 1, "distribution": "manifold"}


def normals(count=8):
    """Grey grain with a dark bar."""
    rng = np.random.default_rng(0)
    grain = rng.normal(120, 6, (count, *HW, 3))
    grain[:, 24:40] -= 50
    return np.clip(grain, 0, 255).astype(np.uint8)


def trainer(extractor, folder, watch=None, **changes):
    pixels = normals()
    options = GlassOptions(**(OPTIONS | changes))
    labelled = synthetic(pixels[-2:], None, SYNTHESIS, seed=1)
    normal = TrainingSet(pixels[:-2], None, SYNTHESIS)
    return GlassTrainer(options, extractor, normal, labelled, folder, watch)


def best_model(extractor, folder, trained):
    return trained_glass(
        checkpoint.load_best(folder, trained.chosen.best_epoch), extractor, HW
    ).folded
