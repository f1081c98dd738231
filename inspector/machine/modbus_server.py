"""Shows the stations to a PLC by Modbus TCP, and takes its triggers (extra `modbus`)."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, ClassVar, Final

from inspector.connections.modbus import load_pymodbus
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.core.schema import Between, OneOf
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls
from inspector.machine.plc_station import PlcOptions, PlcStation
from inspector.machine.registers import (
    ALL_CONTROL_BITS,
    PLC_WORDS,
    STATE_WORDS,
    PartNumber,
    PlcWord,
    read_control,
    read_part,
    write_state,
    write_status,
)
from inspector.machine.server_thread import ServerThread, check_address
from inspector.machine.state import StationState

STATE_START: Final = 100
"""First of the holding registers that hold the same words as the input registers."""

MOST_CONNECTIONS: Final = 32
MOST_UNSENT_BYTES: Final = 16 * 1024
"""A client that reads no answers is cut off."""

_WRITES_OF_BITS: Final = (5, 15)
_COILS, _DISCRETE, _INPUT = 1, 2, 4
"""Function codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusServerOptions(PlcOptions):
    """port: 502 needs rights of the administrator. units: unit id -> station; empty: the stations
    in their order have 1, 2 ..., and a single station answers to every unit id. part_number: how
    the registers hold it."""

    port: Annotated[int, Between(0, 65535)] = 502
    units: dict[str, Any] = field(default_factory=dict)
    part_number: Annotated[str, OneOf(*PartNumber)] = PartNumber.UINT16


class StationRegisters:
    """The registers of one station. The words that the PLC reads are made when it reads them."""

    def __init__(self, station: PlcStation, kind: PartNumber) -> None:
        self._station, self._kind = station, kind
        self._plc_words = [ALL_CONTROL_BITS] + [0] * (PLC_WORDS - 1)

    def read(self, function: int, registers: list[int]) -> None:
        """Fills in the words of the block that the function reads."""
        if function == _COILS:
            registers[0] = self._plc_words[PlcWord.CONTROL]
            return
        state, view = self._station.read()
        if function == _DISCRETE:
            registers[0] = write_status(state, view)
            return
        words = write_state(state, view, self._kind, now_ns())
        if function == _INPUT:
            registers[:STATE_WORDS] = words
            return
        registers[:PLC_WORDS] = self._plc_words
        registers[STATE_START : STATE_START + STATE_WORDS] = words

    def write(self, function: int, address: int, values: list[int] | list[bool]) -> None:
        """Takes what the PLC writes to its registers or coils. Raises ValueError, and then nothing
        has changed."""
        words = list(self._plc_words)
        if function in _WRITES_OF_BITS:
            for bit, value in enumerate(values, address):
                words[PlcWord.CONTROL] &= ~(1 << bit)
                words[PlcWord.CONTROL] |= bool(value) << bit
        else:
            words[address : address + len(values)] = map(int, values)
        bits = read_control(words[PlcWord.CONTROL])
        part = read_part(words[PlcWord.PART :], self._kind)
        self._plc_words = words
        self._station.write(bits, part)


class ModbusServer:
    """Several PLCs may be connected. A request that reads or writes several words is one step, so
    the words of an answer fit together.

    port: on which it listens. Raises ConfigError, also if it cannot listen.
    """

    Options: ClassVar[type[ModbusServerOptions]] = ModbusServerOptions

    def __init__(
        self, options: ModbusServerOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        load_pymodbus(key)
        units = read_units(options.units, board, key)
        self._stations = {
            name: PlcStation(name, options, board, key, controls) for name in units.values()
        }
        kind = PartNumber(options.part_number)
        self._registers = {
            unit: StationRegisters(self._stations[name], kind) for unit, name in units.items()
        }
        check_address(options.host, options.port, key)
        board.on_part = self._see_part
        self._thread = ServerThread(key)
        self._server = self._thread.run(self._start(options))
        self.port = int(self._server.transport.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """Number of clients."""
        return len(self._server.active_connections)

    def stop(self) -> None:
        self._thread.run(self._server.shutdown())
        self._thread.stop()

    def _see_part(self, state: StationState) -> None:
        if (station := self._stations.get(state.station)) is not None:
            station.see_part(state)

    async def _start(self, options: ModbusServerOptions) -> Any:
        devices = [_make_device(unit, r) for unit, r in self._registers.items()]
        server = _make_server(devices, (options.host, options.port))
        await server.serve_forever(background=True)
        return server


def read_units(units: Mapping[Any, Any], board: StateBoard, key: str) -> dict[int, str]:
    """Unit id -> station. Unit 0 answers to every id. Raises ConfigError."""
    if not units:
        names = board.stations
        return dict(enumerate(names, 1)) if len(names) > 1 else {0: names[0]}
    stations: dict[int, str] = {}
    for unit, name in units.items():
        if not (str(unit).isdecimal() and 1 <= int(unit) <= 247):
            wrong = f"a unit id must lie between 1 and 247, not {unit!r:.40}"
            raise ConfigError(f"{key}.units: {wrong}")
        if name not in board.stations:
            known = ", ".join(board.stations)
            raise ConfigError(f"{key}.units.{unit} must be one of {known}, not {name!r:.80}")
        stations[int(unit)] = name
    if len(set(stations.values())) < len(stations):
        raise ConfigError(f"{key}.units has a station twice")
    return stations


def _make_device(unit: int, registers: StationRegisters) -> Any:
    """The blocks of a unit. The library refuses other addresses, and writes to read-only words."""
    from pymodbus.simulator import DataType, SimData, SimDevice

    def make_words(address: int, count: int, *, readonly: bool) -> SimData:
        return SimData(address, values=[0] * count, datatype=DataType.REGISTERS, readonly=readonly)

    def make_bits() -> SimData:
        return SimData(0, values=[False] * 16, datatype=DataType.BITS)

    holding = [
        make_words(0, PLC_WORDS, readonly=False),
        make_words(STATE_START, STATE_WORDS, readonly=True),
    ]
    inputs = [make_words(0, STATE_WORDS, readonly=True)]
    return SimDevice(
        unit,
        simdata=([make_bits()], [make_bits()], holding, inputs),
        action=partial(_access, registers),
    )


async def _access(
    station: StationRegisters,
    function: int,
    start: int,
    address: int,
    count: int,
    registers: list[int],
    values: list[int] | list[bool] | None,
) -> Any:
    """The library calls this before each access, and reads the words from `registers` after it."""
    from pymodbus.constants import ExcCodes

    if values is None:
        station.read(function, registers)
        return None
    try:
        station.write(function, address, values)
    except ValueError:
        return ExcCodes.ILLEGAL_VALUE
    return None


def _make_server(devices: list[Any], address: tuple[str, int]) -> Any:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.server.requesthandler import ServerRequestHandler

    class Connection(ServerRequestHandler):  # type: ignore[misc]
        """Limits what a client can use up."""

        def __init__(self, owner: Any) -> None:
            super().__init__(owner, None, None, None)
            self._is_allowed = len(owner.active_connections) < MOST_CONNECTIONS

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if not self._is_allowed:
                transport.close()
                return
            connected: socket.socket = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_UNSENT_BYTES)

        def server_send(self, pdu: Any, addr: Any) -> None:
            super().server_send(pdu, addr)
            transport: Any = self.transport
            if transport and transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
                transport.abort()

    class Server(ModbusTcpServer):  # type: ignore[misc]
        def callback_new_connection(self) -> Connection:
            return Connection(self)

    return Server(devices, address=address)
