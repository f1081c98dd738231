"""The options of the store: the section `store` of the configuration."""

from dataclasses import dataclass

from inspector.core.schema import Count


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """enabled: follow the logs of the runs. path: of the file; None for store.sqlite in the folder
    of the runs. max_inspections: the oldest above this number are removed from the store; 0 for no
    limit. Logs, feedback, alarms and the audit trail are not removed."""

    enabled: bool = False
    path: str | None = None
    max_inspections: Count = 50_000_000
