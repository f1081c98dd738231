"""Recognises packets of a playlist that were read before, after a new connection."""

import zlib
from collections import deque

import av

_HISTORY = 8192


class PacketHistory:
    """The last packets of a playlist, to recognise them after a new connection."""

    def __init__(self) -> None:
        self._keys: deque[tuple[int | None, int]] = deque()
        self._known: set[tuple[int | None, int]] = set()

    def __contains__(self, key: tuple[int | None, int]) -> bool:
        return key in self._known

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, key: tuple[int | None, int]) -> None:
        self._keys.append(key)
        self._known.add(key)
        if len(self._keys) > _HISTORY:
            self._known.discard(self._keys.popleft())


class ReplayFilter:
    """Recognises packets that an earlier connection has read already.

    from_start: the connection begins at the first packet of the stream, so everything before the
    first known packet is old too.
    """

    def __init__(self, history: PacketHistory, from_start: bool) -> None:
        self._history = history
        self._skipping = from_start and bool(history)

    def is_old(self, packet: av.Packet) -> bool:
        """Records the packet if it is new."""
        key = packet.pts, zlib.crc32(bytes(packet))
        if key in self._history:
            self._skipping = False
            return True
        if not self._skipping:
            self._history.add(key)
        return self._skipping
