"""Makes engine files from pictures of good product: `learning.fit` and `learning.train`."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from learning.api import fit, train

if TYPE_CHECKING:
    from learning.job import EngineResult
    from learning.thresholds.folds import Scheme
    from learning.thresholds.rules import Rule
    from learning.training import TrainingResult

__all__ = ["EngineResult", "Rule", "Scheme", "TrainingResult", "fit", "train"]

LAZY: Final = {
    "EngineResult": "learning.job",
    "Rule": "learning.thresholds.rules",
    "Scheme": "learning.thresholds.folds",
    "TrainingResult": "learning.training",
}
"""Public name -> its module, which is imported when the name is used."""


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(LAZY[name]), name)
