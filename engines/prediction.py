"""Computes predictions for pictures of any size: the part of predict() that all backends share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.foreground import explain_not_finite
from engines.resize import Resizer
from engines.spec import EngineSpec
from inspector.core.arrays import Image, Map
from inspector.core.errors import DataError, FrameError, InferenceError
from inspector.core.geometry import Affine
from inspector.core.pictures import as_bgr
from inspector.core.types import Verdict

AnyPicture = npt.NDArray[Any]
Pictures = Sequence[AnyPicture] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an engine computes for one picture.

    anomaly_map: (h, w) float32, raw scores, larger = more anomalous. score: of the picture.
    verdict: FAIL if the score is at or above image_threshold, otherwise PASS. image_threshold,
    pixel_threshold: of the engine. to_picture: transforms map pixels to picture pixels.
    """

    anomaly_map: Map
    score: float
    verdict: Verdict
    image_threshold: float
    pixel_threshold: float
    to_picture: Affine


class Predictor:
    """Resizes pictures as the pipeline does, runs the engine, and decides the verdicts."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._resize = Resizer(spec, allow_aspect=True)

    def __call__(
        self,
        pictures: Pictures,
        channels: str,
        infer: Callable[[Image], tuple[Map, Map]],
    ) -> list[Prediction]:
        """See Engine.predict_batch. infer: of the engine."""
        if isinstance(pictures, np.ndarray) and pictures.ndim != 4:
            raise DataError(
                "a batch must be a list of pictures or an array of the shape (n, height, width, "
                f"3), not an array of {pictures.shape}"
            )
        if not len(pictures):
            return []
        names = [f"picture {n}: " if len(pictures) > 1 else "" for n in range(len(pictures))]
        inputs = [
            self._prepare(name, picture, channels)
            for name, picture in zip(names, pictures, strict=True)
        ]
        maps, scores = infer(np.stack([pixels for pixels, _ in inputs]))
        return [
            self._judge(name, anomaly_map, float(score), to_picture)
            for name, anomaly_map, score, (_, to_picture) in zip(
                names, maps, scores, inputs, strict=True
            )
        ]

    def _prepare(self, name: str, picture: AnyPicture, channels: str) -> tuple[Image, Affine]:
        try:
            return self._resize(as_bgr(picture, channels))
        except (DataError, FrameError) as exc:
            raise DataError(f"{name}{exc}") from exc

    def _judge(self, name: str, anomaly_map: Map, score: float, to_picture: Affine) -> Prediction:
        if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
            raise InferenceError(f"{name}{explain_not_finite(self._spec, score)}")
        input_hw, (map_h, map_w) = self._spec.resize.input_hw, anomaly_map.shape
        failed = score >= self._spec.image_threshold
        return Prediction(
            # A view would keep the maps of the whole batch in memory.
            anomaly_map=anomaly_map.copy(),
            score=score,
            verdict=Verdict.FAIL if failed else Verdict.PASS,
            image_threshold=self._spec.image_threshold,
            pixel_threshold=self._spec.pixel_threshold,
            to_picture=to_picture.after(Affine(input_hw[1] / map_w, input_hw[0] / map_h)),
        )
