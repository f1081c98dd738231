"""Inspection of a stream of frames. The names below are public; docs/python-api.md explains them.

Each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.api.defect_metrics import DefectMetrics
    from inspector.api.defect_sizes import DefectSizeAnalyzer
    from inspector.api.explaining import ExplainedPicture, detect_and_explain
    from inspector.api.inspecting import Inspections, inspect, run_pipeline
    from inspector.config import load_config
else:
    from inspector.core.lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "DefectMetrics": "inspector.api.defect_metrics:DefectMetrics",
            "DefectSizeAnalyzer": "inspector.api.defect_sizes:DefectSizeAnalyzer",
            "ExplainedPicture": "inspector.api.explaining:ExplainedPicture",
            "Inspections": "inspector.api.inspecting:Inspections",
            "detect_and_explain": "inspector.api.explaining:detect_and_explain",
            "inspect": "inspector.api.inspecting:inspect",
            "load_config": "inspector.config:load_config",
            "run_pipeline": "inspector.api.inspecting:run_pipeline",
        },
    )

__all__ = [
    "DefectMetrics",
    "DefectSizeAnalyzer",
    "ExplainedPicture",
    "Inspections",
    "detect_and_explain",
    "inspect",
    "load_config",
    "run_pipeline",
]
