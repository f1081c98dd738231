"""Engine files and their runtimes. The names below are public; docs/python-api.md explains them.

Each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.opening import Engine, open_engine
    from engines.prediction import Prediction
else:
    from inspector.core.lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Engine": "engines.opening:Engine",
            "Prediction": "engines.prediction:Prediction",
            "open_engine": "engines.opening:open_engine",
        },
    )

__all__ = ["Engine", "Prediction", "open_engine"]
