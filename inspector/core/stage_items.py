"""The data that the stages of the pipeline pass to each other: model input and engine output."""

from dataclasses import dataclass

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.core.types import Cause, Frame


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a frame cannot be judged.

    error: one sentence. unless_failed: a frame that fails anyway stays FAIL, because a defect may
    be the reason.
    """

    error: str
    cause: Cause
    unless_failed: bool = False


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A resized frame.

    pixels: (H_in, W_in, 3) uint8 RGB. to_frame: input -> frame pixels. fault: why the frame is
    ERROR although the engine can compute its map.
    """

    frame: Frame
    pixels: Image
    to_frame: Affine
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """The result of the engine for one frame.

    anomaly_map: (h, w) float32, finite, in memory that nothing else uses. to_frame: map pixels ->
    frame pixels. fault: why the frame is ERROR although it has a map; its defects are still
    measured and logged. score: finite unless there is a fault. inferred_ns: monotonic time at which
    the map was ready.
    """

    frame: Frame
    anomaly_map: Map
    to_frame: Affine
    score: float
    fault: Fault | None = None
    inferred_ns: int = 0
