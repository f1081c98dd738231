"""Options of refitting an engine from the store of a line."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.schema import AtLeast, Between


@dataclass(frozen=True, slots=True)
class TeachingOptions:
    """normal: folders of the good pictures of engines that were fitted without --teachable.
    compare: number of stored pictures that both engines judge, the newest. full: simulate defects
    and check as many pictures as a fit does. threads: of the refit. minutes: a refit that works
    longer is ended without a candidate."""

    normal: tuple[str, ...] = ()
    compare: Annotated[int, AtLeast(0)] = 200
    full: bool = False
    threads: Annotated[int, AtLeast(1)] = 1
    minutes: Annotated[float, Between(0.01, 10_000)] = 240.0
