"""Makes plain values for the JSON interface."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from inspector.service.line_state import RefitState, SourceState
from inspector.store.events import StoredRun
from inspector.store.history import InspectionRow


def finite(value: Any) -> Any:
    """A copy in which numbers that JSON does not have are None."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def without_paths(row: StoredRun | SourceState | InspectionRow) -> dict[str, Any]:
    """Plain values. Nobody outside needs the folders of this machine."""
    return {name: value for name, value in dataclasses.asdict(row).items() if name != "folder"}


def plain_refit(refit: RefitState) -> dict[str, Any]:
    return dataclasses.asdict(refit) | {"engine": PurePath(refit.engine).name}


def plain_row(row: InspectionRow) -> dict[str, Any]:
    values = without_paths(row)
    pictures = {name: values.pop(name) is not None for name in ("snapshot", "original")}
    return values | {"pictures": pictures}
