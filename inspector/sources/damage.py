"""Which decoded pictures can be trusted after a stream was damaged."""


class DamageTracker:
    """After damage every picture is bad up to the next clean key frame.

    A key frame that is not intra-coded begins a wave of intra refresh; the picture is whole again
    only when the next wave begins, so the second one counts.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._not_before: int | None = None
        self._waves = 0

    @property
    def damaged(self) -> bool:
        return self._reason is not None

    def report(self, reason: str, last_pts: int | None = None) -> None:
        """Notes damage. last_pts: a key frame is clean only after this time; decoders report an
        error before they give the pictures that came before it."""
        self._reason = reason
        self._not_before = last_pts
        self._waves = 0

    def forget_time(self) -> None:
        """The times of the stream begin anew."""
        self._not_before = None

    def judge(self, *, pts: int | None, key: bool, intra: bool, corrupt: bool) -> str | None:
        """Why this picture, next in order of presentation, is bad; None where it is clean."""
        if corrupt:
            # An earlier exception keeps its time: the corrupt picture may be from before it.
            self.report("the decoder had to conceal damage", self._not_before)
            return "the picture is damaged: the decoder had to conceal parts of it"
        if self._reason is None:
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
