"""The options of the section `explain` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.schema import Between


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """enabled: add a kind and an explanation to the defects. max_defects: number of defects per
    frame that are explained, those with the highest scores first."""

    enabled: bool = False
    max_defects: Annotated[int, Between(1, 1000)] = 8
