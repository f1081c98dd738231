"""The options of the retention: the section `retention` of the configuration."""

from dataclasses import dataclass, field
from typing import Final

from inspector.core.schema import Positive

VIDEO: Final = "video"
PICTURES: Final = "pictures"
ORIGINALS: Final = "originals"
LOGS: Final = "logs"


@dataclass(frozen=True, slots=True)
class KindLimits:
    """days: largest age. max_gb: largest size of all runs together, GB (1e9 bytes). None: no
    limit."""

    days: Positive | None = None
    max_gb: Positive | None = None


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """Removes the oldest results of ended runs. logs: whole folders of runs, with everything that
    is left in them. failures_days: age of pictures and originals of FAIL and ERROR frames, if it is
    more than the days of their kind; None: no difference. min_free_gb: GB that must be free.
    min_free_removes_logs: whether whole runs are removed for min_free_gb too."""

    video: KindLimits = field(default_factory=KindLimits)
    pictures: KindLimits = field(default_factory=KindLimits)
    originals: KindLimits = field(default_factory=KindLimits)
    logs: KindLimits = field(default_factory=KindLimits)
    failures_days: Positive | None = None
    min_free_gb: Positive | None = None
    min_free_removes_logs: bool = False

    def of(self, kind: str) -> KindLimits:
        """kind: VIDEO, PICTURES, ORIGINALS or LOGS."""
        limits: KindLimits = getattr(self, kind)
        return limits

    @property
    def enabled(self) -> bool:
        limits = (self.video, self.pictures, self.originals, self.logs)
        return self.min_free_gb is not None or any(limit != KindLimits() for limit in limits)
