"""Makes engine files from pictures of good product. The names below are public; docs/python-api.md
explains them.

Each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learning.api.fitting import fit
    from learning.api.training import train
    from learning.job import EngineResult
    from learning.thresholds.folds import Scheme
    from learning.thresholds.rules import Rule
    from learning.training import TrainingResult
else:
    from inspector.core.lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "EngineResult": "learning.job:EngineResult",
            "Rule": "learning.thresholds.rules:Rule",
            "Scheme": "learning.thresholds.folds:Scheme",
            "TrainingResult": "learning.training:TrainingResult",
            "fit": "learning.api.fitting:fit",
            "train": "learning.api.training:train",
        },
    )

__all__ = ["EngineResult", "Rule", "Scheme", "TrainingResult", "fit", "train"]
