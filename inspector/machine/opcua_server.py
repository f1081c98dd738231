"""Shows the state of the stations to a PLC by OPC UA, and takes its triggers (extra `opcua`)."""

import asyncio
import hmac
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from loguru import logger

from inspector.connections.opcua import load_asyncua
from inspector.core.errors import ConfigError
from inspector.core.loopback import is_loopback
from inspector.core.schema import Between
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls
from inspector.machine.handshake import PlcBits
from inspector.machine.opcua_nodes import (
    FIRST_VALUES,
    HANDSHAKE,
    NAMESPACE,
    RESULT_VALID,
    SHOWN,
    WRITTEN,
    NodeRow,
    check_written,
)
from inspector.machine.plc_station import PlcOptions, PlcStation
from inspector.machine.server_thread import ServerThread, check_address
from inspector.machine.state import StationState

REFRESH_S: Final = 0.02
MOST_CONNECTIONS: Final = 32
MOST_SUBSCRIPTIONS: Final = 64
MOST_BYTES: Final = 1 << 20
"""Of a message, and of what waits for a client or from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaServerOptions(PlcOptions):
    """user, password: of the clients. Without them clients need none, and host must be an address
    that only this machine reaches."""

    port: Annotated[int, Between(0, 65535)] = 4840
    user: str | None = None
    password: str | None = None


class OpcUaServer:
    """All nodes are made new before each answer to a read, in one step, so they fit together.
    Subscriptions see a change within REFRESH_S.

    port: on which it listens. Raises ConfigError, also if it cannot listen.
    """

    Options: ClassVar[type[OpcUaServerOptions]] = OpcUaServerOptions

    def __init__(
        self, options: OpcUaServerOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        self._library, self._key = load_asyncua(key), key
        _check_login(options, key)
        check_address(options.host, options.port, key)
        self._stations = [
            StationNodes(PlcStation(name, options, board, key, controls), self._library.ua)
            for name in board.stations
        ]
        board.on_part = self._see_part
        self._thread = ServerThread(key)
        self._changed = asyncio.Event()
        self._server = self._thread.run(self._start(options))
        self.port = int(self._server.bserver.port)
        self._refresher = asyncio.run_coroutine_threadsafe(self._refresh(), self._thread.loop)
        self._refresher.add_done_callback(self._end)

    def stop(self) -> None:
        self._refresher.cancel()
        self._thread.run(self._server.stop())
        self._thread.stop()

    def _end(self, refresher: Future[None]) -> None:
        """A server that cannot show new states must not show the old ones either."""
        if not refresher.cancelled() and (exc := refresher.exception()) is not None:
            logger.error(
                "{}: the server stops, because it cannot show states: {!r}", self._key, exc
            )
            asyncio.run_coroutine_threadsafe(self._server.stop(), self._thread.loop)

    def _see_part(self, state: StationState) -> None:
        for nodes in self._stations:
            if nodes.station.name == state.station:
                nodes.station.see_part(state)
        self._thread.loop.call_soon_threadsafe(self._changed.set)

    async def _start(self, options: OpcUaServerOptions) -> Any:
        from asyncua.common.callback import CallbackType
        from asyncua.server.server import TransportLimits

        ua = self._library.ua
        server = self._library.Server(user_manager=_Users(options.user, options.password))
        server.limits = TransportLimits(
            max_message_size=MOST_BYTES, max_chunk_count=MOST_BYTES // 65535 + 1
        )
        server.allow_remote_admin(False)
        server.iserver.max_connections = MOST_CONNECTIONS
        server.iserver.max_subscriptions = MOST_SUBSCRIPTIONS
        await server.init()
        server.set_endpoint(f"opc.tcp://{options.host}:{options.port}")
        server.set_server_name("Line Inspector")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        is_open = options.user is None
        server.set_identity_tokens(
            [ua.AnonymousIdentityToken if is_open else ua.UserNameIdentityToken]
        )
        space = await server.register_namespace(NAMESPACE)
        for nodes in self._stations:
            await nodes.create(server, space)
        for when, react in (
            (CallbackType.PreRead, self._before_read),
            (CallbackType.PreWrite, self._before_write),
            (CallbackType.PostWrite, self._after_write),
        ):
            server.iserver.subscribe_server_callback(when, react)
        await server.start()
        return server

    async def _refresh(self) -> None:
        while True:
            for nodes in self._stations:
                await nodes.refresh()
            self._cut_off()
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), REFRESH_S)
            except TimeoutError:
                continue

    def _cut_off(self) -> None:
        """Ends connections with too many bytes in memory; the library has no limit for them."""
        for client in list(self._server.bserver.clients):
            unsent = client.transport.get_write_buffer_size()
            if max(unsent, len(client._buffer)) > MOST_BYTES:
                client.transport.abort()

    async def _before_read(self, event: Any, _: Any) -> None:
        if event.is_external:
            for nodes in self._stations:
                await nodes.refresh()

    async def _before_write(self, event: Any, _: Any) -> None:
        """Refuses the whole request if one of its values cannot be used."""
        if not event.is_external:
            return
        for item in event.request_params.NodesToWrite:
            for nodes in self._stations:
                if not nodes.allows(item.NodeId, item.Value):
                    raise self._library.ua.uaerrors.BadOutOfRange

    async def _after_write(self, event: Any, _: Any) -> None:
        if not event.is_external:
            return
        written = {item.NodeId for item in event.request_params.NodesToWrite}
        for nodes in self._stations:
            if written & nodes.written.keys():
                nodes.take()
                await nodes.refresh()


class StationNodes:
    """The nodes of one station. written: id -> name, of the nodes that clients write."""

    def __init__(self, station: PlcStation, ua: Any) -> None:
        self.station, self._ua = station, ua
        self.written: dict[Any, str] = {}
        self._ids: dict[NodeRow, Any] = {}
        self._shown: dict[NodeRow, Any] = {}
        self._server: Any = None
        self._lock = asyncio.Lock()

    async def create(self, server: Any, space: int) -> None:
        self._server = server.iserver
        name = self.station.name
        top = await server.nodes.objects.add_object(self._id(space, name), f"{space}:{name}")
        folders = {}
        for row in (*SHOWN, RESULT_VALID):
            if row.folder not in folders:
                path = f"{name}.{row.folder}"
                folders[row.folder] = await top.add_object(
                    self._id(space, path), f"{space}:{row.folder}"
                )
            first = FIRST_VALUES[row.type_name]
            variant = self._variant(first, row.type_name)
            node = await self._add(folders[row.folder], space, row.folder, row.name, variant)
            self._ids[row] = node.nodeid
        for written, (type_name, first) in WRITTEN.items():
            variant = self._variant(first, type_name)
            node = await self._add(folders[HANDSHAKE], space, HANDSHAKE, written, variant)
            await node.set_writable()
            self.written[node.nodeid] = written

    def allows(self, node_id: Any, value: Any) -> bool:
        name = self.written.get(node_id)
        content = None if value.Value is None else value.Value.Value
        return name is None or check_written(name, content)

    def take(self) -> None:
        """Passes on what the client has written."""
        values: Mapping[str, Any] = {
            name: self._server.read_attribute_value(node_id).Value.Value
            for node_id, name in self.written.items()
        }
        bits = PlcBits(
            trigger=values["Trigger"],
            result_acknowledged=values["ResultAcknowledged"],
            reset=values["Reset"],
        )
        self.station.write(bits, values["PartNumber"])

    async def refresh(self) -> None:
        """Writes the nodes that have changed. A result is complete before it is valid, and not
        valid before it is removed."""
        async with self._lock:
            state, view = self.station.read()
            rows = (*SHOWN, RESULT_VALID) if view.result_valid else (RESULT_VALID, *SHOWN)
            for row in rows:
                value = row.show(state, view)
                if value != self._shown.get(row):
                    await self._write(row, value)
                    self._shown[row] = value

    async def _add(self, parent: Any, space: int, folder: str, name: str, variant: Any) -> Any:
        node_id = self._id(space, f"{self.station.name}.{folder}.{name}")
        return await parent.add_variable(node_id, f"{space}:{name}", variant)

    async def _write(self, row: NodeRow, value: Any) -> None:
        data = self._ua.DataValue(self._variant(value, row.type_name))
        await self._server.write_attribute_value(self._ids[row], data)

    def _variant(self, value: Any, type_name: str) -> Any:
        return self._ua.Variant(value, getattr(self._ua.VariantType, type_name))

    def _id(self, space: int, name: str) -> Any:
        return self._ua.NodeId(name, space)


class _Users:
    """Knows the user of the configuration."""

    def __init__(self, user: str | None, password: str | None) -> None:
        self._user, self._password = user, password

    def get_user(
        self,
        _: Any,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> Any:
        from asyncua.crypto.permission_rules import User, UserRole

        if self._user is not None:
            names = _is_same(username, self._user)
            if not (_is_same(password, self._password) and names):
                return None
        return User(role=UserRole.User, name=username)


def _is_same(text: str | None, expected: str | None) -> bool:
    return hmac.compare_digest((text or "").encode(), (expected or "").encode())


def _check_login(options: OpcUaServerOptions, key: str) -> None:
    if (options.user is None) is not (options.password is None):
        raise ConfigError(f"{key}: user and password must be set together")
    if options.user is None and not is_loopback(options.host):
        raise ConfigError(
            f"{key}.user is missing: other machines can reach {options.host}, so their clients "
            "need a user and a password"
        )
