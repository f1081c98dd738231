"""The sections `service` and `recipes` of the configuration."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from inspector.core.schema import AtLeast, OneOf

END: Final = "end"
WAIT: Final = "wait"


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """enabled: run as a line, which takes requests and changes without a stop. rotate_hours: a new
    run begins after this time; None: never. when_sources_end: end (the program ends) or wait (for a
    request to start)."""

    enabled: bool = False
    rotate_hours: Annotated[float, AtLeast(0, exclusive=True)] | None = None
    when_sources_end: Annotated[str, OneOf(END, WAIT)] = END


@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """dir: folder of the recipes, NAME.yaml; None: no recipes. start: name of the first one; None:
    the last one that was used. select: who else may select recipes, see
    inspector.service.selectors."""

    dir: str | None = None
    start: str | None = None
    select: tuple[dict[str, Any], ...] = ()
