"""The data that the stages of the pipeline pass to each other: model input and engine output."""

from dataclasses import dataclass
from typing import Final

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
class FrameHealth:
    """Whether a frame is fit to be judged.

    fault: why it is not; None if it is. no_mm: a sentence, if its sizes in mm would be wrong.
    """

    fault: Fault | None = None
    no_mm: str | None = None


HEALTHY: Final = FrameHealth()


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A resized frame.

    pixels: (H_in, W_in, 3) uint8 RGB. to_frame: input -> frame pixels. fault: why the frame is
    ERROR although the engine can compute its map. no_mm: as in FrameHealth.
    """

    frame: Frame
    pixels: Image
    to_frame: Affine
    fault: Fault | None = None
    no_mm: str | None = None


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """The result of the engine for one frame.

    anomaly_map: (h, w) float32, finite, in memory that nothing else uses. to_frame: map pixels ->
    frame pixels. fault: why the frame is ERROR although it has a map; its defects are still
    measured and logged. score: finite unless there is a fault. inferred_ns: monotonic time at which
    the map was ready. no_mm: as in FrameHealth.
    """

    frame: Frame
    anomaly_map: Map
    to_frame: Affine
    score: float
    fault: Fault | None = None
    inferred_ns: int = 0
    no_mm: str | None = None
