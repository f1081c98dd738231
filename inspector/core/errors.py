"""Every error that the program raises on purpose, each with the exit code that it ends in.

Each class is also the matching built-in, so that a caller who knows only Python can catch it.
"""

from collections.abc import Sequence
from typing import ClassVar

from inspector.core.types import Cause


class InspectorError(Exception):
    """Base of all errors of this program."""

    exit_code: ClassVar[int] = 1


class ConfigError(InspectorError, ValueError):
    """A configuration or an argument that cannot be used; names the dotted path of the key."""

    exit_code = 2


class DataError(InspectorError, ValueError):
    """Pictures, masks or folders given for fitting or making videos that cannot be used."""

    exit_code = 2


class SpecError(InspectorError, ValueError):
    """An engine file that does not say, or says wrongly, what it is."""

    exit_code = 2


class EngineError(InspectorError, RuntimeError):
    """A runtime that is missing or lacks the device, or an engine that cannot be opened."""

    exit_code = 2


class InferenceError(EngineError):
    """An engine that was opened, and failed on a picture."""

    exit_code = 1


class ParityError(InspectorError, ArithmeticError):
    """An exported engine that does not compute what its method computes."""

    exit_code = 6


class CalibrationError(InspectorError, ValueError):
    """A calibration that cannot be read or computed."""

    exit_code = 2


class CalibrationSizeError(CalibrationError):
    """A calibration made for another frame size than the one it meets."""

    exit_code = 5


class SourceError(InspectorError, OSError):
    """A source that is missing, unreadable or empty."""

    exit_code = 2


class SourceLost(SourceError):
    """A live source that broke and could not be reached again."""

    exit_code = 4


class FrameError(InspectorError, ValueError):
    """One frame that cannot be judged; becomes an inspection with verdict ERROR and the cause."""

    def __init__(self, sentence: str, cause: Cause) -> None:
        super().__init__(sentence)
        self.cause = cause


class UnjudgedError(InspectorError, RuntimeError):
    """A run in which too many frames could not be judged."""


class SinkError(InspectorError, OSError):
    """An output that cannot be written."""


class StageError(InspectorError, RuntimeError):
    """Anything unforeseen in a stage; names the stage and the frames that it worked on."""

    def __init__(self, stage: str, frame_ids: Sequence[int], cause: BaseException) -> None:
        where = ""
        if len(frame_ids) == 1:
            where = f" at frame {frame_ids[0]}"
        elif frame_ids:
            where = f" in frames {frame_ids[0]} to {frame_ids[-1]}"
        super().__init__(f"stage {stage} failed{where}: {type(cause).__name__}: {cause}")
        self.stage = stage
        self.frame_ids = tuple(frame_ids)
