"""What the stages of a pipeline are made of, and the ticket that a frame travels with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.errors import FrameError
from inspector.core.geometry import Affine
from inspector.core.protocols import Picture, Sink
from inspector.core.types import (
    BadFrame,
    Cause,
    EngineOutput,
    Fault,
    Frame,
    Inspection,
    ModelInput,
    Verdict,
)


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
    thread; render draws nothing until a sink asks for the picture.

    judge_map: gives the final verdict from the map alone, where the rule allows it; the verdict
    then leaves before the defects are measured. None: it leaves when they are measured.
    """

    preprocess: Callable[[Frame], ModelInput]
    open_engine: Callable[[], RunningEngine]
    judge: Callable[[EngineOutput], Inspection]
    render: Callable[[Inspection], Picture]
    judge_map: Callable[[EngineOutput], Inspection] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A sink, and whether its failure ends the run."""

    sink: Sink
    fatal: bool = True


@dataclass(slots=True)
class Ticket:
    """One frame on its way. item: what the last stage made of it; an Inspection passes on
    untouched, which is how a frame that could not be judged reaches the logs. judged_ns: when the
    verdict was known."""

    frame: Frame | BadFrame
    item: Frame | ModelInput | EngineOutput | Inspection
    timings_ms: dict[str, float] = field(default_factory=dict)
    judged_ns: int | None = None


def infer(engine: RunningEngine, inputs: Sequence[ModelInput]) -> list[EngineOutput | FrameError]:
    """Runs the engine once on all pictures; a FrameError for each whose map is not finite."""
    single = len(inputs) == 1
    pixels = inputs[0].pixels[np.newaxis] if single else np.stack([i.pixels for i in inputs])
    maps, scores = engine.infer(pixels)
    # A view would keep the maps of the whole batch for as long as one of them is kept.
    separate = maps if single else [anomaly_map.copy() for anomaly_map in maps]
    return [
        _output(model_input, anomaly_map, float(score))
        for model_input, anomaly_map, score in zip(inputs, separate, scores, strict=True)
    ]


def _output(model_input: ModelInput, anomaly_map: Map, score: float) -> EngineOutput | FrameError:
    # One sum finds NaN and infinity without a temporary of the size of the map.
    if not np.isfinite(anomaly_map.sum(dtype=np.float64)):
        return FrameError("the engine gave an anomaly map that is not finite", Cause.NOT_FINITE)
    fault = None
    if not np.isfinite(score):
        fault = Fault("the engine gave a score that is not finite", Cause.NOT_FINITE)
    input_hw, map_hw = model_input.pixels.shape[:2], anomaly_map.shape
    to_input = Affine(input_hw[1] / map_hw[1], input_hw[0] / map_hw[0])
    to_frame = model_input.to_frame.after(to_input)
    return EngineOutput(model_input.frame, anomaly_map, to_frame, score, fault)


def errored(frame: Frame | BadFrame, fault: Fault, thresholds: tuple[float, float]) -> Inspection:
    """The inspection of a frame without a map. thresholds: of image and pixel."""
    return Inspection(
        frame=frame,
        verdict=Verdict.ERROR,
        image_threshold=thresholds[0],
        pixel_threshold=thresholds[1],
        error=fault.error,
        cause=fault.cause,
    )


def first_item(frame: Frame | BadFrame, thresholds: tuple[float, float]) -> Frame | Inspection:
    """What a captured frame begins its way as."""
    if isinstance(frame, BadFrame):
        return errored(frame, Fault(frame.error, frame.cause), thresholds)
    return frame
