"""Reads arguments that `learning.fit` and `learning.train` share."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.spec import Roi


def read_roi(roi: "Roi | str | Path | None", frame_hw: tuple[int, int]) -> "Roi | None":
    from engines.roi import load_roi

    return load_roi(Path(roi), frame_hw) if isinstance(roi, str | Path) else roi


def ignore(step: str, done: int, total: int) -> None:
    """Shows no progress."""
