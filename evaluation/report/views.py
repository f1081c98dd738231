"""Runs the engine once more on the few pictures that a report shows."""

from collections.abc import Iterable

from engines.opening import Engine
from engines.resize import to_input
from evaluation.report.sheets import PictureView
from evaluation.results import PictureResult
from inspector.core.errors import DataError
from inspector.core.geometry import Affine
from learning.datasets.masks import read_mask
from learning.datasets.pictures import read_picture
from learning.datasets.types import Sample


class EngineViews:
    """A Viewer. samples: the test pictures of the result's class. mask_values: see
    learning.datasets.masks."""

    def __init__(self, engine: Engine, samples: Iterable[Sample], mask_values: str) -> None:
        self._engine = engine
        self._samples = {sample.name: sample for sample in samples}
        self._mask_values = mask_values

    def __call__(self, picture: PictureResult) -> PictureView:
        """Raises DataError where the picture or its mask is no longer there."""
        if picture.name not in self._samples:
            raise DataError(f"picture {picture.name} is not in the data set any more")
        sample, spec = self._samples[picture.name], self._engine.spec
        image = read_picture(sample.path)
        if image is None:
            raise DataError(f"picture {sample.path} cannot be read any more")
        pixels, to_frame = to_input(image, spec.resize)
        maps, _ = self._engine.infer(pixels[None])
        height, width = spec.resize.input_hw
        hw = (image.shape[0], image.shape[1])
        return PictureView(
            image=image,
            anomaly_map=maps[0],
            to_frame=to_frame.after(Affine.between(spec.map_hw, (0, 0, width, height))),
            mask=read_mask(sample, hw, self._mask_values) if picture.has_mask else None,
        )
