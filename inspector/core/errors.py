"""The errors of the program, each with its exit code.

Each class also inherits from the built-in error that fits, so callers can catch that one.
"""

from collections.abc import Sequence
from typing import ClassVar

from inspector.core.types import Cause


class InspectorError(Exception):
    """Base of all errors of this program."""

    exit_code: ClassVar[int] = 1


class ConfigError(InspectorError, ValueError):
    """A configuration or an argument that cannot be used. Names the dotted path of the key."""

    exit_code = 2


class DataError(InspectorError, ValueError):
    """Pictures, masks or folders that cannot be used for fitting or for making videos."""

    exit_code = 2


class SpecError(InspectorError, ValueError):
    """An engine file whose spec is missing or wrong."""

    exit_code = 2


class EngineError(InspectorError, RuntimeError):
    """A runtime or a device that is missing, or an engine that cannot be opened."""

    exit_code = 2


class InferenceError(EngineError):
    """An engine that failed on a picture."""

    exit_code = 1


class ParityError(InspectorError, ArithmeticError):
    """An exported engine whose results differ from those of its method."""

    exit_code = 6


class CalibrationError(InspectorError, ValueError):
    """A calibration that cannot be read or computed."""

    exit_code = 2


class CalibrationSizeError(CalibrationError):
    """A calibration that was made for another frame size."""

    exit_code = 5


class SourceError(InspectorError, OSError):
    """A source that is missing, unreadable or empty."""

    exit_code = 2


class SourceLost(SourceError):
    """A live source that broke and could not be opened again."""

    exit_code = 4


class SourceEndedEarly(SourceError):
    """A file that ends before its last frame. Raised after its last readable frame."""

    exit_code = 7


class FrameError(InspectorError, ValueError):
    """One frame that cannot be judged. Its inspection gets the verdict ERROR and the cause."""

    def __init__(self, sentence: str, cause: Cause) -> None:
        super().__init__(sentence)
        self.cause = cause


class UnjudgedError(InspectorError, RuntimeError):
    """A run in which too many frames could not be judged."""


class SinkError(InspectorError, OSError):
    """An output that cannot be written."""


class StageError(InspectorError, RuntimeError):
    """An unexpected error in a stage. Names the stage and the frames that it worked on."""

    def __init__(self, stage: str, frame_ids: Sequence[int], cause: BaseException) -> None:
        where = ""
        if len(frame_ids) == 1:
            where = f" at frame {frame_ids[0]}"
        elif frame_ids:
            where = f" in frames {frame_ids[0]} to {frame_ids[-1]}"
        super().__init__(f"stage {stage} failed{where}: {type(cause).__name__}: {cause}")
        self.stage = stage
        self.frame_ids = tuple(frame_ids)
