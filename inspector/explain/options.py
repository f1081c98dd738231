"""The options of the section `explain` of the configuration."""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import AtLeast, Between, Count


@dataclass(frozen=True, slots=True)
class VlmOptions:
    """Pictures of defects are sent to a vision language model, whose answers stay beside the rules.

    url: of an OpenAI-compatible interface, such as http://localhost:8000/v1; None: off. model: its
    name there. key_env: name of the environment variable with the key; None: no key. timeout_s:
    longest time for one answer. per_minute: number of defects that are sent in any minute, the
    others are not; 0: no limit. dir: of the outbox. max_mb: size limit of the outbox in MB.
    """

    url: str | None = None
    model: str | None = None
    key_env: str | None = None
    timeout_s: Annotated[float, Between(0.1, 600)] = 30.0
    per_minute: Count = 10
    dir: str = "artifacts/outbox"
    max_mb: Annotated[float, AtLeast(1)] = 256.0


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """enabled: add a kind and an explanation to the defects, by rules. max_defects: number of
    defects per frame that are explained, those with the highest scores first."""

    enabled: bool = False
    max_defects: Annotated[int, Between(1, 1000)] = 8
    vlm: VlmOptions = field(default_factory=VlmOptions)
