"""Features without a backbone: the grey picture, in numpy and as a graph."""

from collections.abc import Mapping

import numpy as np
import spox.opset.ai.onnx.v17 as op
from spox import Var

from learning.backbones.features import Features
from learning.methods.feature_source import FeatureSource


class GreySource(FeatureSource):
    """Grey pictures (n, 1, H, W) in [0, 1]."""

    layers = ("grey",)

    def extract(self, pixels: np.ndarray) -> Features:
        grey = pixels.astype(np.float32).mean(axis=3) / np.float32(255)
        return {"grey": grey[:, None]}

    def graph(self, image: Var) -> Mapping[str, Var]:
        return {"grey": op.reduce_mean(image, axes=[1], keepdims=1)}
