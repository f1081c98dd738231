"""Reads a body over HTTP for FFmpeg: resumes after a break, and knows when each byte arrived."""

import re
import zlib
from collections import deque
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SourceError
from inspector.sources.http_client import Answer, HttpClient, Refused

# A short way ahead is read and discarded. A new request would take longer.
_SHORT_WAY = 256 * 1024
_PIECE = 64 * 1024
# Without Range, each step back reads the file again from its start.
_MOST_RESTARTS = 20
_MOST_FRUITLESS = 3
_MARKS = 4096
_TOTAL = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True, slots=True)
class Retry:
    """How a broken body is resumed.

    give_up_s: how long a server may stay away before the rest counts as lost. first_delay_s: before
    the first new attempt; doubled after each answer that brings nothing new.
    """

    give_up_s: float
    first_delay_s: float


class HttpBody:
    """A file object for FFmpeg. It raises nothing: after a failure it ends, and `failure` says why.

    The constructor sends the request and raises SourceError. If `resumes` is True, a body of known
    length is resumed where it broke, with a Range request or, if the server has no ranges, by
    reading it again.

    first, end: bytes of the file that form the body; None: up to the end.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        *,
        first: int = 0,
        end: int | None = None,
        retry: Retry,
    ) -> None:
        self.failure: str | None = None
        self.resumes = True
        self._client = client
        self._url = url
        self._first, self._end = first, end
        self._retry = retry
        self._position = 0
        self._furthest = 0
        self._fruitless = 0
        self._restarts = 0
        self._lost_from: int | None = None
        self._silent_since_ns: int | None = None
        self._marks: deque[tuple[int, int]] = deque(maxlen=_MARKS)
        self._inflate: zlib._Decompress | None = None
        self._peeked = b""
        self._answer: Answer | None = client.request(url, first, end)
        response = self._answer.response
        self.url = response.url
        self.content_type = response.headers.get_content_type()
        self._has_ranges = response.status == 206
        self._version = _version(response)
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("identity", ""):
            self._drop_answer()
            raise SourceError(f"the server compresses the stream ({encoding})")
        if (match := _range(response)) and int(match[1]) != first:
            self._drop_answer()
            raise SourceError("the server sends another part of the file than requested")
        self.length = self._find_length(response)
        # A server without ranges sends the whole file.
        self._at = 0 if response.status == 206 else -first

    def _find_length(self, response: HTTPResponse) -> int | None:
        if self._inflate is not None:
            return None
        if self._end is not None:
            return self._end - self._first
        if response.status == 206 and (match := _range(response)):
            return int(match[2]) - self._first
        return None if response.length is None else response.length - self._first

    def peek(self, size: int) -> bytes:
        """The first bytes, which the next read() gives again. Fewer at the end."""
        while len(self._peeked) < size and (more := self._read_new(size - len(self._peeked))):
            self._peeked += more
        return self._peeked

    def read(self, size: int) -> bytes:
        """Waits for the next bytes, at most `size`. Empty: end, failure, or closed."""
        # PyAV copies all bytes that it gets, so more than `size` would overwrite memory.
        if self._peeked:
            data, self._peeked = self._peeked[:size], self._peeked[size:]
            return data
        return self._read_new(size)

    def _read_new(self, size: int) -> bytes:
        while not (self._is_lost() or self._client.closing.is_set()):
            try:
                data = self._receive(size)
            except Refused as exc:
                self._give_up(str(exc))
            except (OSError, HTTPException, zlib.error) as exc:
                self._wait_for_next_attempt(self._client.describe(exc))
            else:
                if data or self.length is None or self._position >= self.length:
                    return data
                self._wait_for_next_attempt("the server ended the connection too early")
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Like io.IOBase.seek. The next read() sends the request."""
        base = (0, self.tell(), self.length or 0)[whence]
        self._position = max(0, base + offset)
        self._peeked = b""
        return self._position

    def tell(self) -> int:
        return self._position - len(self._peeked)

    def seekable(self) -> bool:
        """Without ranges each step back reads the body again, which only an MP4 file needs."""
        return self.length is not None and (self._has_ranges or self._peeked[4:8] == b"ftyp")

    def close(self) -> None:
        """FFmpeg calls this when it needs the body no more."""
        self._drop_answer()

    def _drop_answer(self) -> None:
        if self._answer is not None:
            self._answer.response.close()
            self._answer = None

    @property
    def received_share(self) -> float:
        """Share of the body before the failure; 1 without a failure."""
        if self._lost_from is None or not self.length:
            return 1.0
        return self._lost_from / self.length

    def arrival_ns(self, position: int) -> int | None:
        """Monotonic time at which the byte before `position` arrived. Ask in rising order."""
        while len(self._marks) > 1 and self._marks[0][0] < position:
            self._marks.popleft()
        return self._marks[0][1] if self._marks and self._marks[0][0] >= position else None

    @property
    def last_arrival_ns(self) -> int | None:
        return self._marks[-1][1] if self._marks else None

    def _receive(self, size: int) -> bytes:
        if self.length is not None and self._position >= self.length:
            return b""
        if self._answer is None or self._must_jump():
            self._request_again()
        while self._at < self._position:
            if not self._take(min(_PIECE, self._position - self._at)):
                return b""
        data = self._take(size)
        if data:
            self._position = self._at
            self._silent_since_ns = None
        return data

    def _take(self, size: int) -> bytes:
        """The next bytes of the answer."""
        answer = self._answer
        assert answer is not None
        if self.length is not None:
            size = min(size, self.length - self._at)
        data = self._inflate_waiting(size)
        while not data:
            if answer.response.isclosed():
                return b""
            self._client.limit_next_read(answer)
            data = answer.response.read1(size)
            self._client.note_received(len(data))
            if len(data) > size:
                raise HTTPException("a chunk has a wrong size")
            if self._inflate is None or not data:
                break
            data = self._inflate.decompress(data, size)
        self._at += len(data)
        if data:
            self._marks.append((self._at, now_ns()))
        if self._at > self._furthest:
            self._furthest, self._fruitless = self._at, 0
        return data

    def _inflate_waiting(self, size: int) -> bytes:
        if self._inflate is None or not self._inflate.unconsumed_tail:
            return b""
        return self._inflate.decompress(self._inflate.unconsumed_tail, size)

    def _must_jump(self) -> bool:
        return not self._at <= self._position <= self._at + _SHORT_WAY

    def _request_again(self) -> None:
        self._drop_answer()
        first = self._first + self._position
        self._answer = self._client.request(self._url, first, self._end)
        response = self._answer.response
        if _version(response) != self._version:
            raise Refused("the file changed on the server while it was read")
        match = _range(response)
        if response.status == 206 and match and int(match[1]) == first:
            self._at = self._position
            return
        self._at = -self._first
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            raise Refused("the server has no Range requests, which this file needs too often")

    def _wait_for_next_attempt(self, reason: str) -> None:
        if self.length is None or not self.resumes or self._client.is_expired():
            self._give_up(reason)
            return
        answered = self._answer is not None
        self._drop_answer()
        if self._silent_since_ns is None:
            self._silent_since_ns = now_ns()
        self._fruitless += answered
        silent_s = ms_since(self._silent_since_ns) / 1e3
        if self._fruitless > _MOST_FRUITLESS or silent_s > self._retry.give_up_s:
            self._give_up(reason)
            return
        delay_s = self._retry.first_delay_s * 2**self._fruitless
        logger.warning(
            "{} of {} bytes arrived: {}; next attempt in {:g} s",
            *(self._position, self.length, reason, delay_s),
        )
        self._client.closing.wait(delay_s)

    def _give_up(self, reason: str) -> None:
        if self.failure is None:
            # What arrived may still be enough for the first picture.
            self._client.restart_opening()
        self.failure = reason
        self._lost_from = min(self._position, self._furthest)

    def _is_lost(self) -> bool:
        """What arrived before the failure can be read again."""
        return self._lost_from is not None and self._position >= self._lost_from


def _range(response: HTTPResponse) -> re.Match[str] | None:
    return _TOTAL.fullmatch(response.headers.get("Content-Range", ""))


def _version(response: HTTPResponse) -> tuple[str | None, str | None]:
    return response.headers.get("ETag"), response.headers.get("Last-Modified")
