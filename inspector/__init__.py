"""Inspection of a stream of frames. The names below are public; docs/python-api.md explains them.

Each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.api.defect_metrics import DefectMetrics
    from inspector.api.defect_sizes import DefectSizeAnalyzer
else:
    from inspector.core.lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "DefectMetrics": "inspector.api.defect_metrics:DefectMetrics",
            "DefectSizeAnalyzer": "inspector.api.defect_sizes:DefectSizeAnalyzer",
        },
    )

__all__ = ["DefectMetrics", "DefectSizeAnalyzer"]
