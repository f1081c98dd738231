"""The options of the evidence: the section `evidence` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.schema import Between


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """checkpoint_frames: number of frames after which the log gets a checkpoint. key_file: key that
    signs checkpoints and summaries; None: no signature. checkpoint_dir: folder, best on another
    machine, that gets a copy of each checkpoint; None: no copies."""

    checkpoint_frames: Annotated[int, Between(1, 1_000_000)] = 100
    key_file: str | None = None
    checkpoint_dir: str | None = None
