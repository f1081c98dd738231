"""Options that say where jobs run."""

from dataclasses import dataclass
from typing import Annotated, Final

from inspector.core.schema import Between

MOST_WORKERS: Final = 256

LOCAL: Final = "local"
"""The address that starts Ray on this machine."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """workers: number of processes that work at the same time. ray: None for processes of this
    machine; "local" for a Ray that is started on this machine; otherwise the address of a cluster,
    such as auto or 192.168.1.5:6379."""

    workers: Annotated[int, Between(1, MOST_WORKERS)] = 1
    ray: str | None = None

    @property
    def is_loop(self) -> bool:
        """Whether the jobs run in a loop in this process."""
        return self.workers == 1 and self.ray is None


LOOP: Final = FleetOptions()
