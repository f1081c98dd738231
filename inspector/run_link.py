"""How a run follows the run before it: its recipe, and the settings that changed in between."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from inspector.core.clock import utc_now
from inspector.core.events import ConfigChanged, Event
from inspector.core.protocols import Source
from inspector.core.types import Inspection, RunInfo
from inspector.interruption import InterruptionStage
from inspector.sources.options import SourceOptions

OpenSource = Callable[[str, SourceOptions], Source]
"""Opens the source with this name."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that differs from the run before; see ConfigChanged."""

    key: str
    old: Any
    new: Any
    who: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """The link of a run that is judged again, from its log."""

    continues: dict[str, str] | None
    changes: tuple[SettingChange, ...]


@dataclass(frozen=True, slots=True)
class RunLink:
    """recipe_id: name of the recipe; None without recipes. source_recipes: name of a source -> the
    recipe that it uses instead. before: name of a source -> its run before; empty for the first
    run. former: those with which a run is compared that does not continue them, because the sources
    were closed in between. who, why: of the change between the two. interruptions: name of a source
    -> the stage that says how long it was not inspected before this run. check: name of the routine
    check that the run is; None in production. recorded: None unless a run is judged again.
    """

    recipe_id: str | None = None
    before: Mapping[str, RunInfo] = field(default_factory=dict)
    who: str | None = None
    why: str | None = None
    interruptions: Mapping[str, InterruptionStage] = field(default_factory=dict)
    check: str | None = None
    recorded: RecordedLink | None = None
    former: Mapping[str, RunInfo] = field(default_factory=dict)
    source_recipes: Mapping[str, str] = field(default_factory=dict)

    def find_recipe(self, source: str) -> str | None:
        """See RunInfo.recipe_id."""
        return self.source_recipes.get(source, self.recipe_id)

    def continued(self, source: str) -> dict[str, str] | None:
        """See RunInfo.continues."""
        if self.recorded is not None:
            return self.recorded.continues
        before = self.before.get(source)
        return None if before is None else {"run_id": before.run_id}

    def changes(self, run: RunInfo) -> Sequence[SettingChange]:
        """The settings that differ from the run before; none for the first run."""
        if self.recorded is not None:
            return self.recorded.changes
        before = self.before.get(run.source_name) or self.former.get(run.source_name)
        pairs = {} if before is None else find_changes(before, run)
        return [SettingChange(key, *pair, self.who, self.why) for key, pair in pairs.items()]


FIRST: Final = RunLink()


class ChangeStage:
    """Emits an event `config_changed` for each change, with the first inspection; at the end of a
    run without inspections."""

    name = "changes"

    def __init__(self, changes: Sequence[SettingChange]) -> None:
        self._changes = changes

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        frame = inspection.frame
        return inspection, self._take(frame.wall_time_utc, frame.frame_id, frame.captured_ns)

    def flush(self) -> Sequence[Event]:
        return self._take(utc_now(), None, None)

    def _take(self, utc: str, frame_id: int | None, captured_ns: int | None) -> list[Event]:
        changes, self._changes = self._changes, ()
        return [
            ConfigChanged(
                wall_time_utc=utc, frame_id=frame_id, captured_ns=captured_ns, **asdict(change)
            )
            for change in changes
        ]


def find_changes(before: RunInfo, run: RunInfo) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> old and new value of each setting that differs.

    Thresholds are those in effect. The key `recipe` is the name of the recipe; engine.sha256 and
    calibration.sha256 are the hashes of the files.
    """
    # A configuration from a log has lists, where that of a run has tuples.
    old, new = (flatten(json.loads(json.dumps(info.config))) for info in (before, run))
    for values, info in ((old, before), (new, run)):
        values |= {
            "recipe": info.recipe_id,
            "verdict.image_threshold": info.image_threshold,
            "verdict.pixel_threshold": info.pixel_threshold,
            "engine.sha256": info.engine_hash,
            "calibration.sha256": info.calibration_hash,
        }
    keys = sorted(old.keys() | new.keys(), key=lambda key: (key != "recipe", key))
    pairs = {key: (old.get(key), new.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys become dotted keys. Lists are values."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
