"""What the stages of a pipeline are made of, and the ticket that a frame travels with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.errors import FrameError
from inspector.core.geometry import Affine
from inspector.core.protocols import Picture, Sink
from inspector.core.types import BadFrame, EngineOutput, Frame, Inspection, ModelInput, Verdict


class RunningEngine(Protocol):
    """What the infer stage needs of an engine."""

    def warm_up(self) -> None: ...

    def infer(self, pixels: Image) -> tuple[Map, Map]:
        """pixels: (n, H, W, 3) uint8 RGB -> maps (n, h, w) and scores (n,) float32."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The work of each stage. open_engine is called, and the engine used and closed, on the infer
    thread; render draws nothing until a sink asks for the picture."""

    preprocess: Callable[[Frame], ModelInput]
    open_engine: Callable[[], RunningEngine]
    judge: Callable[[EngineOutput], Inspection]
    render: Callable[[Inspection], Picture]


@dataclass(frozen=True, slots=True)
class Output:
    """A sink, and whether its failure ends the run."""

    sink: Sink
    fatal: bool = True


@dataclass(slots=True)
class Ticket:
    """One frame on its way. item: what the last stage made of it; an Inspection passes on
    untouched, which is how a frame that could not be judged reaches the logs."""

    frame: Frame | BadFrame
    item: Frame | ModelInput | EngineOutput | Inspection
    timings_ms: dict[str, float] = field(default_factory=dict)


def infer(engine: RunningEngine, given: Sequence[ModelInput]) -> list[EngineOutput | FrameError]:
    """Runs the engine once on all pictures; a FrameError for each whose answer is not finite."""
    alone = len(given) == 1
    pixels = given[0].pixels[np.newaxis] if alone else np.stack([one.pixels for one in given])
    maps, scores = engine.infer(pixels)
    # A view would keep the maps of the whole batch for as long as one of them is kept.
    own = maps if alone else [one.copy() for one in maps]
    return [
        _output(one, anomaly_map, float(score))
        for one, anomaly_map, score in zip(given, own, scores, strict=True)
    ]


def _output(given: ModelInput, anomaly_map: Map, score: float) -> EngineOutput | FrameError:
    # One sum finds NaN and infinity without a temporary of the size of the map.
    if not (np.isfinite(score) and np.isfinite(anomaly_map.sum(dtype=np.float64))):
        return FrameError("the engine gave an anomaly map or a score that is not finite")
    input_hw, map_hw = given.pixels.shape[:2], anomaly_map.shape
    to_input = Affine(input_hw[1] / map_hw[1], input_hw[0] / map_hw[0])
    return EngineOutput(given.frame, anomaly_map, given.to_frame.after(to_input), score)


def errored(frame: Frame | BadFrame, sentence: str, thresholds: tuple[float, float]) -> Inspection:
    """The inspection of a frame that could not be judged. thresholds: of image and pixel."""
    return Inspection(
        frame=frame,
        verdict=Verdict.ERROR,
        image_threshold=thresholds[0],
        pixel_threshold=thresholds[1],
        error=sentence,
    )


def first_item(frame: Frame | BadFrame, thresholds: tuple[float, float]) -> Frame | Inspection:
    """What a captured frame begins its way as."""
    return errored(frame, frame.error, thresholds) if isinstance(frame, BadFrame) else frame
