"""Decides who may use the web view: secrets, sessions, and the pause after failed logins."""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from loguru import logger

from inspector.web.options import WebViewOptions

SESSION_S: Final = 12 * 3600.0
"""A session ends this long after its login."""

MOST_SESSIONS: Final = 256
MOST_ADDRESSES: Final = 1024
FREE_FAILURES: Final = 3
"""Failed logins of one address that cause no pause. After them the pause doubles from 1 s."""

LONGEST_PAUSE_S: Final = 60.0

Clock = Callable[[], float]
"""Monotonic time in s."""


class Access:
    """The secrets of one web view, and the browsers that are logged in.

    options: with their secrets inserted (read_secrets). Without a token and a password everybody
    who reaches the port may use the view. Any thread may call the methods.
    """

    def __init__(self, options: WebViewOptions, clock: Clock = time.monotonic) -> None:
        self.user = options.user
        self.needs_login = options.token is not None or options.password is not None
        self.needs_user = options.user is not None
        self._secret = options.password if options.password is not None else options.token
        self._token = options.token
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()
        self.pauses = Pauses(clock)

    def log_in(self, user: str, secret: str, address: str) -> str | None:
        """Returns the id of a new session; None if user or secret is wrong."""
        # Both are always compared, so the time does not tell which one is wrong.
        right = _equal(secret, self._secret or "") & (
            not self.needs_user or _equal(user, self.user or "")
        )
        if not right or not self.needs_login:
            pause_s = self.pauses.count_failure(address)
            logger.warning("web: failed login from {}; pause {:g} s", address, pause_s)
            return None
        self.pauses.forget(address)
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[session] = self._clock() + SESSION_S
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        logger.info("web: login from {}", address)
        return session

    def log_out(self, session: str) -> None:
        with self._lock:
            self._sessions.pop(session, None)

    def knows(self, session: str) -> bool:
        """Whether the session has begun and not ended."""
        with self._lock:
            end_s = self._sessions.get(session)
            if end_s is not None and end_s <= self._clock():
                del self._sessions[session]
                end_s = None
        return end_s is not None

    def accepts_token(self, token: str, address: str) -> bool:
        """Whether a program sent the right token. A wrong one counts as a failed login."""
        if self._token is not None and _equal(token, self._token):
            return True
        pause_s = self.pauses.count_failure(address)
        logger.warning("web: wrong token from {}; pause {:g} s", address, pause_s)
        return False

    def form_key(self, session: str) -> str:
        """The text that every change of this session must carry. Pages of other sites cannot read
        it."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def accepts_form_key(self, session: str, key: str) -> bool:
        return _equal(key, self.form_key(session))


class Pauses:
    """After some failed logins an address has to wait before its next try."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def remaining_s(self, address: str) -> float:
        """Seconds until the address may try again, 0 if it may try now."""
        with self._lock:
            _, until_s = self._failures.get(_network(address), (0, 0.0))
        return max(0.0, until_s - self._clock())

    def count_failure(self, address: str) -> float:
        """Returns the pause in s that begins now."""
        network = _network(address)
        with self._lock:
            count = self._failures.pop(network, (0, 0.0))[0] + 1
            doublings = count - FREE_FAILURES - 1
            pause_s = 0.0 if doublings < 0 else min(2.0 ** min(doublings, 10), LONGEST_PAUSE_S)
            self._failures[network] = (count, self._clock() + pause_s)
            while len(self._failures) > MOST_ADDRESSES:
                self._failures.popitem(last=False)
        return pause_s

    def forget(self, address: str) -> None:
        with self._lock:
            self._failures.pop(_network(address), None)


def _network(address: str) -> str:
    """An IPv6 host can choose among all addresses of its /64 network, so these count together."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def _equal(left: str, right: str) -> bool:
    """Compares in constant time. Hashes hide the length."""
    digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (left, right)]
    return hmac.compare_digest(*digests)
