"""Receives the values of a node from an OPC UA server (extra `opcua`)."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from loguru import logger

from inspector.connections.options import OpcUaAddress
from inspector.core.errors import ConfigError
from inspector.core.secrets import insert_secrets

_RETRY_S: Final = (0.5, 15.0)
_CHECK_S: Final = 1.0

OnValue = Callable[[Any], None]
"""Gets each good value of the node. It is called on the thread of the subscription."""


class OpcUaSubscription:
    """Connects on a thread, and connects again whenever the connection breaks. The server sends the
    present value after each connection.

    key: of the section in the configuration, for messages. Raises ConfigError for a secret that
    cannot be read, for a node whose id has a wrong form, and without the library.
    """

    def __init__(self, address: OpcUaAddress, key: str, on_value: OnValue) -> None:
        self._library = load_asyncua(key)
        self._address, self._key, self._on_value = address, key, on_value
        secrets = {"user": address.user, "password": address.password}
        self._logins = insert_secrets(secrets, key)
        try:
            self._node = self._library.ua.NodeId.from_string(address.node)
        except self._library.ua.UaError as exc:
            raise ConfigError(f"{key}.node: {exc}") from exc
        self._failed = False
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self.thread = threading.Thread(target=self._run, name=key, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)

    def datachange_notification(self, _: Any, value: Any, data: Any) -> None:
        """The library calls this."""
        if data.monitored_item.Value.StatusCode.is_good():
            self._on_value(value)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        wait_s = 0.0
        while not self._stopping.is_set():
            try:
                await self._receive()
            except (OSError, TimeoutError, self._library.ua.UaError) as exc:
                if not self._failed:
                    reason = str(exc) or type(exc).__name__
                    logger.warning("{}: no value: {}", self._key, reason)
                wait_s = min(2 * wait_s, _RETRY_S[1]) if self._failed else _RETRY_S[0]
                self._failed = True
                await self._stops_within(wait_s)

    async def _receive(self) -> None:
        """Receives values until stop(). Raises OSError, TimeoutError or UaError."""
        address = self._address
        client = self._library.Client(address.url, timeout=address.timeout_s)
        if address.user is not None:
            client.set_user(self._logins["user"])
            client.set_password(self._logins["password"] or "")
        async with client:
            subscription = await client.create_subscription(1000 * address.interval_s, self)
            await subscription.subscribe_data_change(client.get_node(self._node))
            logger.info("{}: connected to {}", self._key, address.url)
            self._failed = False
            while not await self._stops_within(_CHECK_S):
                await client.check_connection()

    async def _stops_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


def load_asyncua(key: str) -> Any:
    """The package asyncua. Its messages are not printed, because the thread logs every failure."""
    try:
        import asyncua
    except ModuleNotFoundError as exc:
        raise ConfigError(f"{key} needs asyncua: pip install '.[opcua]'") from exc
    logging.getLogger("asyncua").addHandler(logging.NullHandler())
    logging.getLogger("asyncua").propagate = False
    return asyncua
