"""The list `checks` of the configuration."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from inspector.core.errors import ConfigError
from inspector.core.schema import AtLeast, AtLeastOne, Between, Count, Matches, OneOf

FOLDER: Final = "folder"
RECIPE: Final = "recipe"
PART_ID: Final = "part_id"

_KEYS: Final = {
    FOLDER: ("folder", "source", "minutes"),
    RECIPE: ("parts", "failed", "minutes", "grace_min"),
    PART_ID: ("part_id", "parts", "grace_min"),
}
"""Kind -> the keys that only some kinds have."""

Minutes = Annotated[float, AtLeast(0, exclusive=True), Between(0, 10_080)]


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Constraint for Annotated: a time such as 06:00 (local) or 06:00Z (UTC)."""

    def refusal(self, value: Any) -> str | None:
        if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\dZ?", value):
            return None
        return 'must be a time in quotes, such as "06:00" (local time) or "06:00Z" (UTC)'


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """One routine check.

    kind: folder (pictures with known defects are judged), recipe (challenge parts are presented
    after a person has started the check), or part_id (parts with certain ids are challenge parts).
    every_h, at: its schedule; at most one of them. grace_min: minutes after the time of the
    schedule in which the parts have to come. folder: of the pictures. source: whose engine judges
    them; None if there is only one source. part_id: shell pattern of the ids. parts: number of
    parts that are presented, or that have to come in each interval. failed: how many of the parts
    are defective; None: all. minutes: longest time of a check of a folder or a recipe.
    """

    name: Annotated[str, Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "letters, digits, - and _")]
    kind: Annotated[str, OneOf(FOLDER, RECIPE, PART_ID)]
    every_h: Annotated[float, AtLeast(0, exclusive=True), Between(0, 8760)] | None = None
    at: tuple[Annotated[str, TimeOfDay()], ...] = ()
    grace_min: Minutes = 30.0
    folder: str | None = None
    source: str | None = None
    part_id: str | None = None
    parts: AtLeastOne = 1
    failed: Count | None = None
    minutes: Minutes = 10.0

    @property
    def has_schedule(self) -> bool:
        return self.every_h is not None or bool(self.at)

    @property
    def defective(self) -> int:
        """Number of parts that must be FAIL."""
        return self.parts if self.failed is None else self.failed


def check_entries(entries: Sequence[CheckOptions], sources: Sequence[str], *, stored: bool) -> None:
    """sources: names of the list of sources. stored: whether the store reads the logs. Raises
    ConfigError."""
    if entries and not stored:
        raise ConfigError(
            "checks: the results are kept in the store; set store.enabled or web.port"
        )
    names: set[str] = set()
    for entry in entries:
        place = f"checks, {entry.name}"
        if entry.name.casefold() in names:
            raise ConfigError(f"{place}: two checks have this name: rename one")
        names.add(entry.name.casefold())
        try:
            _check_entry(entry, sources)
        except ConfigError as exc:
            raise ConfigError(f"{place}: {exc}") from None


def _check_entry(entry: CheckOptions, sources: Sequence[str]) -> None:
    if entry.every_h is not None and entry.at:
        raise ConfigError("every_h and at cannot be used together")
    of_kinds = {key for keys in _KEYS.values() for key in keys}
    for field in dataclasses.fields(entry):
        foreign = field.name in of_kinds and field.name not in _KEYS[entry.kind]
        if foreign and getattr(entry, field.name) != field.default:
            raise ConfigError(f"a check of the kind {entry.kind} has no key {field.name}")
    if entry.kind == FOLDER:
        if not (entry.folder or "").strip():
            raise ConfigError("folder: no folder is named")
        if sources and entry.source not in sources:
            raise ConfigError(f"source must name whose engine judges: {', '.join(sources)}")
        if not sources and entry.source is not None:
            raise ConfigError("source: there is only one source, which has no name")
    if entry.kind == PART_ID:
        if not entry.part_id:
            raise ConfigError('part_id: no pattern is named, such as "CHALLENGE-*"')
        if not entry.has_schedule:
            raise ConfigError("every_h or at must say when the parts have to come")
    if entry.defective > entry.parts:
        raise ConfigError(f"failed is {entry.failed}, but there are only {entry.parts} parts")
