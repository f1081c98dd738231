"""Features of pictures for a method: in numpy at make time, and in the graph at run time."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import onnx
import spox
from spox import Var

from inspector.core.arrays import Image
from learning.backbones.features import FeatureExtractor, Features
from learning.graph.assemble import GRAPH_OPSET, cut_backbone, model_opset
from learning.graph.half_marks import mark_half


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a source is opened for. backbone: None for a method without one. input_hw: (height,
    width) of the engine's input. threads: 0 lets the runtime choose. device: cpu or cuda."""

    backbone: Path | None
    input_hw: tuple[int, int]
    threads: int = 0
    device: str = "cpu"


class FeatureSource(ABC):
    """Computes features of pictures. `extract` and `graph` must compute the same.

    The default is one pass of a backbone (BackboneSource). A method may return another source from
    `Scorer.open_source`: one without a backbone, one with several passes, or one with a second
    network.

    backbone_name: for the spec; "" where there is no backbone. layers: names of the features, in
    order; () where the spec has none to name. licence: of the weights; "" where there are none.
    files: name -> sha256 of each file of weights. opset: of the ONNX operators in `graph`.
    """

    backbone_name: str = ""
    layers: tuple[str, ...] = ()
    licence: str = ""
    opset: int = GRAPH_OPSET

    @property
    def files(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def extract(self, pixels: Image) -> Features:
        """pixels: (n, H, W, 3) uint8 RGB, BLANK outside the region of interest."""

    @abstractmethod
    def graph(self, image: Var) -> Mapping[str, Var]:
        """image: (N, 3, H, W) float32 RGB in [0, 1], BLANK outside the region of interest."""

    def close(self) -> None:  # noqa: B027
        """Frees what `extract` needs. It may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ExtendedSource(FeatureSource):
    """A source that adds features to those of another source, which it closes."""

    def __init__(self, source: FeatureSource) -> None:
        self._source = source
        self.backbone_name, self.layers = source.backbone_name, source.layers
        self.licence, self.opset = source.licence, source.opset

    @property
    def files(self) -> dict[str, str]:
        return self._source.files

    def close(self) -> None:
        self._source.close()


class BackboneSource(FeatureExtractor, FeatureSource):
    """One pass of a backbone file. See FeatureExtractor for the parameters and the errors."""

    def __init__(
        self, path: Path, layers: tuple[str, ...], *, threads: int = 0, device: str = "cpu"
    ) -> None:
        super().__init__(path, layers=layers, threads=threads, device=device)
        self._path = path
        self._trunk: onnx.ModelProto | None = None
        self.backbone_name = self.info.name
        self.licence = self.info.licence

    @property
    def files(self) -> dict[str, str]:
        return {"backbone": self.info.sha256}

    @property
    def opset(self) -> int:  # type: ignore[override]
        return model_opset(self._network())

    def graph(self, image: Var) -> dict[str, Var]:
        outputs = spox.inline(self._network())(image)
        return {name: outputs[name] for name in self.layers}

    def close(self) -> None:
        super().close()
        self._trunk = None

    def _network(self) -> onnx.ModelProto:
        """The part of the backbone that the layers need."""
        if self._trunk is None:
            self._trunk = mark_half(cut_backbone(self._path, self.layers))
        return self._trunk
