"""The work of the pipeline stages, and the ticket that carries a frame through them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.clock import now_ns
from inspector.core.errors import FrameError
from inspector.core.geometry import Affine
from inspector.core.protocols import Picture, Sink
from inspector.core.stage_items import EngineOutput, Fault, ModelInput
from inspector.core.types import BadFrame, Cause, Frame, Inspection, Verdict


class RunningEngine(Protocol):
    """The interface of an engine for the infer stage."""

    def warm_up(self) -> None: ...

    def infer(self, pixels: Image) -> tuple[Map, Map]:
        """pixels: (n, H, W, 3) uint8 RGB -> maps (n, h, w) and scores (n,) float32."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The work of each stage.

    open_engine: called on the infer thread, which also uses and closes the engine. render: draws
    only when a sink gets the picture. judge_map: decides the verdict from the map, so that it can
    be sent before the defects are measured; it returns None if the sizes decide. None: the sizes
    decide always. judge_late: judges a frame without refining, when its deadline has passed; used
    only with a deadline. follow: gets every inspection in order on the measure thread, after its
    verdict was sent, and may change its defects. no_product: the sentence about a frame with an
    infinite score; empty if such a score is an error of the engine.
    """

    preprocess: Callable[[Frame], ModelInput]
    open_engine: Callable[[], RunningEngine]
    judge: Callable[[EngineOutput], Inspection]
    render: Callable[[Inspection], Picture]
    judge_map: Callable[[EngineOutput], Inspection | None] | None = None
    judge_late: Callable[[EngineOutput], Inspection] | None = None
    follow: Callable[[Inspection], Inspection] | None = None
    no_product: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A sink. fatal: its failure ends the run."""

    sink: Sink
    fatal: bool = True


@dataclass(slots=True)
class Ticket:
    """A frame in the pipeline.

    item: the result of the last stage. Stages pass an Inspection on unchanged; so a frame that
    cannot be judged reaches the logs. verdict, judged_ns: the final verdict that was sent, and its
    monotonic time; None before. late: the inspection of a frame that was not measured in time.
    """

    frame: Frame | BadFrame
    item: Frame | ModelInput | EngineOutput | Inspection
    timings_ms: dict[str, float] = field(default_factory=dict)
    judged_ns: int | None = None
    verdict: Verdict | None = None
    late: Inspection | None = None


def infer(
    engine: RunningEngine, no_product: str, inputs: Sequence[ModelInput]
) -> list[EngineOutput | FrameError]:
    """Runs the engine once on all pictures. A FrameError for each map that is not finite.
    no_product: see Stages."""
    single = len(inputs) == 1
    pixels = inputs[0].pixels[np.newaxis] if single else np.stack([i.pixels for i in inputs])
    maps, scores = engine.infer(pixels)
    # A view would keep the maps of the batch in memory as long as one of them is used.
    separate = maps if single else [anomaly_map.copy() for anomaly_map in maps]
    return [
        _output(model_input, anomaly_map, float(score), no_product)
        for model_input, anomaly_map, score in zip(inputs, separate, scores, strict=True)
    ]


def _output(
    model_input: ModelInput, anomaly_map: Map, score: float, no_product: str
) -> EngineOutput | FrameError:
    # A sum detects NaN and infinity without a temporary array.
    if not np.isfinite(anomaly_map.sum(dtype=np.float64)):
        return FrameError("the engine gave an anomaly map that is not finite", Cause.NOT_FINITE)
    fault = model_input.fault
    if np.isposinf(score) and no_product:
        if fault is None or fault.cause is not Cause.STALE:
            # An empty scene is often darker, or of another colour, than the good pictures.
            error = no_product if fault is None else f"{no_product}; {fault.error}"
            fault = Fault(error, Cause.NO_PRODUCT)
    elif not np.isfinite(score):
        fault = Fault("the engine gave a score that is not finite", Cause.NOT_FINITE)
    input_hw, map_hw = model_input.pixels.shape[:2], anomaly_map.shape
    to_input = Affine(input_hw[1] / map_hw[1], input_hw[0] / map_hw[0])
    to_frame = model_input.to_frame.after(to_input)
    no_mm = model_input.no_mm
    return EngineOutput(model_input.frame, anomaly_map, to_frame, score, fault, now_ns(), no_mm)


def make_error_inspection(
    frame: Frame | BadFrame, fault: Fault, thresholds: tuple[float, float]
) -> Inspection:
    """Makes the inspection of a frame that cannot be judged. thresholds: of image and pixel."""
    return Inspection(
        frame=frame,
        verdict=Verdict.ERROR,
        image_threshold=thresholds[0],
        pixel_threshold=thresholds[1],
        error=fault.error,
        cause=fault.cause,
    )


def make_first_item(frame: Frame | BadFrame, thresholds: tuple[float, float]) -> Frame | Inspection:
    """The first item of a captured frame: the frame, or the inspection of a bad frame."""
    if isinstance(frame, BadFrame):
        return make_error_inspection(frame, Fault(frame.error, frame.cause), thresholds)
    return frame
