"""Tests of the Modbus server with the client of pymodbus."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from plc_rig import PlcRig
from simulated_plc import ERROR, FAIL, ModbusWire, SimulatedPlc
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.modbus_server import MOST_CONNECTIONS, ModbusServer, ModbusServerOptions

pytestmark = pytest.mark.services

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3


def make_server(rig: PlcRig, **settings: Any) -> ModbusServer:
    options = ModbusServerOptions(
        **{"kind": "modbus_server", "port": 0, "expiry_ms": 60_000} | settings
    )
    return ModbusServer(options, rig.board, "outputs[0]", rig)


@contextmanager
def serving(rig: PlcRig, **settings: Any) -> Iterator[ModbusWire]:
    """A connection to a server with these settings."""
    server = make_server(rig, **settings)
    wire = ModbusWire(server.port)
    yield wire
    wire.close()
    server.stop()


@pytest.fixture
def rig() -> PlcRig:
    return PlcRig()


@pytest.fixture
def server(rig: PlcRig) -> Iterator[ModbusServer]:
    server = make_server(rig)
    yield server
    server.stop()


@pytest.fixture
def connect(server: ModbusServer) -> Iterator[Callable[..., ModbusWire]]:
    wires = []

    def make(unit: int = 1) -> ModbusWire:
        wires.append(ModbusWire(server.port, unit))
        return wires[-1]

    yield make
    for wire in wires:
        wire.close()


@pytest.fixture
def wire(connect: Callable[..., ModbusWire]) -> ModbusWire:
    return connect()


def test_parts_pass_and_fail(rig: PlcRig, wire: ModbusWire) -> None:
    plc = SimulatedPlc(wire)
    plc.start()
    for part, verdict in (("7", Verdict.PASS), ("7", Verdict.FAIL), ("8", Verdict.ERROR)):
        rig.always(verdict)
        assert plc.accepts(part) is (verdict is Verdict.PASS)
    assert [message.serial for message in rig.triggers] == ["7", "7", "8"]
    assert len({message.part_id for message in rig.triggers}) == 3


def test_the_newest_state_is_shown_without_the_handshake(rig: PlcRig, wire: ModbusWire) -> None:
    rig.give("p1", Verdict.PASS)
    words = wire.words()
    assert words[21:30][0] == 1
    assert words[24:26] == [0, 1]
    assert 0 < words[28] <= 60_000
    assert wire.read().result_valid is False
    rig.give("p2", Verdict.FAIL)
    assert wire.words()[21] == 2
    rig.board.see_ready("main", False)
    assert wire.words()[21] == 0


def test_an_expired_pass_is_a_reject() -> None:
    rig = PlcRig(expiry_ms=1e-6)
    with serving(rig) as wire:
        rig.always(Verdict.PASS)
        plc = SimulatedPlc(wire)
        plc.start()
        plc.trigger("5")
        result = plc.wait_for_result()
        assert (result.verdict, result.error_code) == (ERROR, ErrorCode.LATE)
        assert wire.words()[21] == 2


def test_a_late_pass_is_not_shown_in_the_next_cycle(rig: PlcRig) -> None:
    with serving(rig, result_timeout_ms=20) as wire:
        plc = SimulatedPlc(wire)
        plc.start()
        assert not plc.accepts("7")
        late = rig.triggers[0].part_id
        assert late is not None
        plc.wait(lambda inputs: inputs.ready)
        plc.trigger("7")
        rig.give(late, Verdict.PASS)
        result = plc.wait_for_result()
        assert (result.verdict, result.error_code) == (ERROR, ErrorCode.LATE)


def test_a_result_without_acknowledge_is_no_pass_any_more(rig: PlcRig) -> None:
    with serving(rig, acknowledge_timeout_ms=20) as wire:
        plc = SimulatedPlc(wire)
        plc.start()
        rig.always(Verdict.PASS)
        plc.trigger("7")
        result = plc.wait(lambda inputs: inputs.error_code)
        assert (result.result_valid, result.verdict) == (True, ERROR)
        assert result.error_code == ErrorCode.NOT_ACKNOWLEDGED
        plc.acknowledge()
        assert plc.accepts("8")


def test_a_plc_that_starts_again_resets(rig: PlcRig, connect: Callable[..., ModbusWire]) -> None:
    first = SimulatedPlc(connect())
    first.start()
    first.trigger("7")
    before = rig.triggers[0].part_id
    assert before is not None
    second = SimulatedPlc(connect())
    second.start()
    rig.give(before, Verdict.PASS)
    assert not second.wire.read().result_valid
    rig.always(Verdict.FAIL)
    assert not second.accepts("7")


def test_a_new_inspector_refuses_the_trigger_of_before(rig: PlcRig, wire: ModbusWire) -> None:
    """The first thing that the new server sees is a PLC that writes its trigger again."""
    assert not wire.client.write_register(1, 7, device_id=1).isError()
    assert not wire.read().ready
    wire.write_trigger("7")
    assert not rig.triggers
    assert not wire.read().trigger_acknowledged
    wire.write()
    assert wire.read().ready


def test_coils_and_discrete_inputs_do_the_same(rig: PlcRig, wire: ModbusWire) -> None:
    client = wire.client
    assert client.read_coils(0, count=3, device_id=1).bits[:3] == [True] * 3
    for coil in range(3):
        client.write_coil(coil, False, device_id=1)

    def inputs() -> list[bool]:
        return list(client.read_discrete_inputs(0, count=9, device_id=1).bits[:9])

    assert inputs()[:4] == [True, False, False, False]
    client.write_register(1, 9, device_id=1)
    client.write_coil(0, True, device_id=1)
    assert inputs()[:4] == [False, True, True, False]
    assert rig.triggers[0].serial == "9"
    client.write_coils(0, [False, False], device_id=1)
    part_id = rig.triggers[0].part_id
    assert part_id is not None
    rig.give(part_id, Verdict.PASS)
    assert inputs()[3:6] == [True, True, False]


def test_holding_registers_show_the_same_words(wire: ModbusWire) -> None:
    words = wire.client.read_holding_registers(100, count=30, device_id=1).registers
    assert words == wire.words()
    wire.write_trigger("9")
    assert wire.client.read_holding_registers(0, count=2, device_id=1).registers == [1, 9]


@pytest.mark.parametrize("address", [17, 99, 100, 129, 130, 65_535])
def test_other_registers_cannot_be_written(wire: ModbusWire, address: int) -> None:
    answer = wire.client.write_register(address, 1, device_id=1)
    assert answer.exception_code == ILLEGAL_ADDRESS


@pytest.mark.parametrize(("address", "words"), [(0, [8]), (0, [0xFFFF, 7])])
def test_a_control_word_without_a_meaning_changes_nothing(
    wire: ModbusWire, address: int, words: list[int]
) -> None:
    answer = wire.client.write_registers(address, words, device_id=1)
    assert answer.exception_code == ILLEGAL_VALUE
    assert wire.client.read_holding_registers(0, count=2, device_id=1).registers == [7, 0]
    assert wire.client.write_coil(3, True, device_id=1).exception_code == ILLEGAL_VALUE


def test_a_write_over_the_end_changes_nothing(wire: ModbusWire) -> None:
    answer = wire.client.write_registers(0, [0] * 18, device_id=1)
    assert answer.exception_code == ILLEGAL_ADDRESS
    assert not wire.read().ready


def test_each_station_has_a_unit() -> None:
    rig = PlcRig("left", "right")
    server = make_server(rig, units={5: "right", 6: "left"})
    left, right = ModbusWire(server.port, 6), ModbusWire(server.port, 5)
    rig.give("p1", Verdict.PASS, "left")
    assert (left.words()[21], right.words()[21]) == (1, 2)
    rig.always(Verdict.FAIL, "right")
    plc = SimulatedPlc(right)
    plc.start()
    plc.trigger("3")
    assert plc.wait_for_result().verdict == FAIL
    assert not left.read().result_valid
    assert left.client.read_input_registers(0, count=1, device_id=9).isError()
    for wire in (left, right):
        wire.close()
    server.stop()


def test_rubbish_and_slow_clients_do_no_harm(
    rig: PlcRig, server: ModbusServer, wire: ModbusWire
) -> None:
    plc = SimulatedPlc(wire)
    plc.start()
    rig.always(Verdict.PASS)
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    for rubbish, client in zip(
        (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000, b"\xff" * 300, b"\0\1\0\0\0\6\1", b"\0"),
        clients,
        strict=True,
    ):
        client.sendall(rubbish)
    assert plc.accepts("7")
    for client in clients:
        client.close()
    assert plc.accepts("8")


def test_a_client_that_reads_no_answers_is_cut_off(server: ModbusServer, wire: ModbusWire) -> None:
    request = b"\0\1\0\0\0\6\1\4\0\0\0\x1e"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        for _ in range(100_000):
            try:
                client.sendall(request)
            except OSError:
                return
            wire.read()
    pytest.fail("the client is still connected")


def test_the_number_of_connections_is_limited(server: ModbusServer, wire: ModbusWire) -> None:
    address = ("127.0.0.1", server.port)
    clients = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS)]
    clients[-1].settimeout(20)
    assert clients[-1].recv(1) == b""
    assert len(wire.words()) == 30
    for client in clients:
        client.close()
    wait_for(lambda: server.connections == 1)


def test_a_refused_trigger_is_error(rig: PlcRig, wire: ModbusWire) -> None:
    def refuse(part_id: str) -> None:
        raise ValueError("set parts.by to trigger")

    plc = SimulatedPlc(wire)
    plc.start()
    rig.judge = refuse
    plc.trigger("7")
    result = plc.wait_for_result()
    assert (result.verdict, result.error_code) == (ERROR, ErrorCode.TRIGGER_REFUSED)


def test_a_port_that_is_in_use_is_refused(rig: PlcRig) -> None:
    server = make_server(rig)
    with pytest.raises(ConfigError, match=r"outputs\[0\]: cannot listen on 127.0.0.1"):
        make_server(rig, port=server.port)
    server.stop()
    make_server(rig, port=server.port).stop()


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ({0: "main"}, "between 1 and 247"),
        ({1: "side"}, "units.1 must be one of main"),
        ({1: "main", 2: "main"}, "twice"),
    ],
)
def test_wrong_units_are_refused(rig: PlcRig, units: dict[Any, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_server(rig, units=units)
