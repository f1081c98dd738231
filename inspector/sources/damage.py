"""Decides which decoded pictures are good after damage in a stream."""

from collections.abc import Collection


class DamageTracker:
    """After damage, every picture is bad until the next clean key frame.

    A key frame that is not intra-coded begins a wave of intra refresh. The picture is complete only
    when the next wave begins, so the second such key frame counts.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._not_before: int | None = None
        self._before: Collection[int] = ()
        self._waves = 0

    @property
    def damaged(self) -> bool:
        return self._reason is not None

    def report(
        self, reason: str, last_pts: int | None = None, before: Collection[int] = ()
    ) -> None:
        """Records damage.

        last_pts: only a key frame after this time is clean. A decoder reports an error before it
        gives the pictures from before the error.
        before: times of the pictures that were decoded before the damage. They are clean.
        """
        if self._reason is None:
            self._before = before
        self._reason = reason
        self._not_before = last_pts
        self._waves = 0

    def judge(self, *, pts: int | None, key: bool, intra: bool, corrupt: bool) -> str | None:
        """Says why the next picture in presentation order is bad. None if it is clean."""
        if corrupt:
            # Keep the time of an earlier error: this picture may be from before that error.
            self.report("the decoder had to conceal damage", self._not_before)
            return "the picture is damaged: the decoder had to conceal parts of it"
        if self._reason is None or pts in self._before:
            return None
        if key and self._is_after(pts):
            self._waves += 2 if intra else 1
        if self._waves >= 2:
            self._reason = None
            self._not_before = None
            return None
        return f"no clean key frame since the stream was damaged ({self._reason})"

    def _is_after(self, pts: int | None) -> bool:
        return self._not_before is None or pts is None or pts > self._not_before
