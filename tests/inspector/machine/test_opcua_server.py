"""Tests of the OPC UA server with the client of asyncua."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from plc_rig import PlcRig
from simulated_plc import ERROR, OpcUaWire, SimulatedPlc
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.opcua_server import MOST_CONNECTIONS, OpcUaServer, OpcUaServerOptions
from inspector.machine.server_thread import check_address

pytestmark = pytest.mark.services


def make_server(rig: PlcRig, **settings: Any) -> OpcUaServer:
    options = OpcUaServerOptions(
        **{"kind": "opcua_server", "port": 0, "expiry_ms": 60_000} | settings
    )
    return OpcUaServer(options, rig.board, "outputs[0]", rig)


@pytest.fixture(scope="module")
def rig() -> PlcRig:
    return PlcRig("left", "right")


@pytest.fixture(scope="module")
def server(rig: PlcRig) -> Iterator[OpcUaServer]:
    server = make_server(rig, result_timeout_ms=100, user="plc", password="secret")
    yield server
    server.stop()


@pytest.fixture
def wire(server: OpcUaServer) -> Iterator[OpcUaWire]:
    wire = OpcUaWire(server.port, "left", user="plc", password="secret")
    yield wire
    wire.close()


def state(wire: OpcUaWire) -> str:
    return str(wire.node("VisionStateMachine.CurrentState").read_value())


def test_a_new_server_waits_until_the_bits_are_cleared(rig: PlcRig, wire: OpcUaWire) -> None:
    """It is the first test, so nobody has written to the server yet."""
    assert wire.node("Handshake.Trigger").read_value() is True
    assert not wire.read().ready
    wire.node("Handshake.PartNumber").write_value("7")
    assert not wire.read().ready
    wire.write_trigger("7")
    assert not rig.triggers
    wire.write()
    assert wire.read().ready


def test_parts_pass_and_fail(rig: PlcRig, wire: OpcUaWire) -> None:
    plc = SimulatedPlc(wire)
    plc.start()
    rig.triggers.clear()
    for part, verdict in (("A-7", Verdict.PASS), ("A-7", Verdict.FAIL), ("B", Verdict.ERROR)):
        rig.always(verdict, "left")
        assert plc.accepts(part) is (verdict is Verdict.PASS)
    assert [message.serial for message in rig.triggers] == ["A-7", "A-7", "B"]


def test_a_late_pass_is_not_shown_in_the_next_cycle(rig: PlcRig, wire: OpcUaWire) -> None:
    plc = SimulatedPlc(wire)
    plc.start()
    rig.triggers.clear()
    rig.judge = lambda part_id: None
    assert not plc.accepts("7")
    late = rig.triggers[0].part_id
    assert late is not None
    plc.wait(lambda inputs: inputs.ready)
    plc.trigger("7")
    rig.give(late, Verdict.PASS, "left")
    result = plc.wait_for_result()
    assert (result.verdict, result.error_code) == (ERROR, ErrorCode.LATE)


def test_the_state_machine_has_the_names_of_the_companion_standard(
    rig: PlcRig, wire: OpcUaWire
) -> None:
    plc = SimulatedPlc(wire)
    plc.start()
    assert state(wire) == "Ready"
    rig.always(Verdict.PASS, "left")
    plc.trigger("7")
    assert state(wire) == "SingleExecution"
    assert wire.node("ResultManagement.ResultState").read_value() == "Completed"
    plc.acknowledge()
    wire.write(reset=True)
    assert state(wire) == "Initialized"
    rig.board.see_ready("left", False)
    assert state(wire) == "Preoperational"
    rig.board.see_ready("left", True)


def test_each_station_has_its_nodes(rig: PlcRig, server: OpcUaServer, wire: OpcUaWire) -> None:
    rig.give("p1", Verdict.PASS, "left")
    rig.give("p2", Verdict.FAIL, "right")
    assert wire.node("Signal.Signal").read_value() == "pass"
    assert wire.node("Signal.PartId").read_value() == "p1"
    other = OpcUaWire(server.port, "right", user="plc", password="secret")
    assert other.node("Signal.Signal").read_value() == "reject"
    other.close()


def test_a_subscription_sees_a_verdict(rig: PlcRig, wire: OpcUaWire) -> None:
    from threading import Event

    seen = Event()

    class Handler:
        def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
            if value == "p-subscribed":
                seen.set()

    subscription = wire.client.create_subscription(20, Handler())
    subscription.subscribe_data_change(wire.node("Signal.PartId"))
    rig.give("p-subscribed", Verdict.PASS, "left")
    assert seen.wait(20)
    subscription.delete()


def test_other_nodes_cannot_be_written(wire: OpcUaWire) -> None:
    from asyncua import ua

    for name, value in (
        ("Handshake.ResultValid", True),
        ("ResultManagement.Verdict", "PASS"),
        ("Signal.Signal", "pass"),
    ):
        with pytest.raises(ua.uaerrors.BadUserAccessDenied):
            wire.node(name).write_value(value)


@pytest.mark.parametrize("value", [1, "yes", None, 1.5])
def test_a_bit_of_another_type_is_refused(rig: PlcRig, wire: OpcUaWire, value: Any) -> None:
    from asyncua import ua

    plc = SimulatedPlc(wire)
    plc.start()
    rig.triggers.clear()
    with pytest.raises(ua.UaError):
        wire.node("Handshake.Trigger").write_value(value)
    assert wire.read().ready
    assert not rig.triggers


@pytest.mark.parametrize("part", ["x" * 65, "a\nb"])
def test_a_wrong_part_number_is_refused(wire: OpcUaWire, part: str) -> None:
    from asyncua import ua

    with pytest.raises(ua.uaerrors.BadOutOfRange):
        wire.node("Handshake.PartNumber").write_value(part)


@pytest.mark.parametrize(
    "login", [{}, {"user": "plc", "password": "wrong"}, {"user": "admin", "password": "secret"}]
)
def test_a_wrong_login_is_refused(server: OpcUaServer, login: dict[str, str]) -> None:
    from asyncua import ua

    with pytest.raises((ua.UaError, ConnectionError)):
        OpcUaWire(server.port, "left", **login)


def test_rubbish_does_no_harm(rig: PlcRig, server: OpcUaServer, wire: OpcUaWire) -> None:
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    large = b"MSGF" + (50_000_000).to_bytes(4, "little")
    texts = (b"\xff" * 5000, b"GET /\r\n\r\n", large, b"")
    for rubbish, client in zip(texts, clients, strict=True):
        client.sendall(rubbish)
    plc = SimulatedPlc(wire)
    plc.start()
    rig.always(Verdict.PASS, "left")
    assert plc.accepts("7")
    for client in clients:
        client.close()


def test_the_number_of_connections_is_limited(server: OpcUaServer, wire: OpcUaWire) -> None:
    address = ("127.0.0.1", server.port)
    clients = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS)]
    clients[-1].settimeout(20)
    assert clients[-1].recv(1) == b""
    assert wire.read()
    for client in clients:
        client.close()


def test_an_open_server_is_on_this_machine_only(rig: PlcRig) -> None:
    with pytest.raises(ConfigError, match=r"outputs\[0\].user is missing"):
        make_server(rig, host="0.0.0.0")
    with pytest.raises(ConfigError, match="must be set together"):
        make_server(rig, user="plc")


def test_a_port_that_is_in_use_is_refused(rig: PlcRig, server: OpcUaServer) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        make_server(rig, port=server.port)


def test_a_message_that_is_too_large_is_cut_off(server: OpcUaServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(20)
        client.sendall(b"MSGF" + (50_000_000).to_bytes(4, "little"))
        with pytest.raises(ConnectionError):  # noqa: PT012
            for _ in range(10_000):
                client.sendall(bytes(10_000))
                time.sleep(0.001)


def test_an_open_server_needs_no_login_and_stops_if_it_cannot_show_states() -> None:
    rig = PlcRig()
    server = make_server(rig)
    wire = OpcUaWire(server.port)
    assert not wire.read().ready
    wire.close()
    rig.board.states = {}.copy  # type: ignore[method-assign]

    def is_free() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", server.port)) != 0

    wait_for(is_free)
    server.stop()
    check_address("127.0.0.1", server.port, "outputs[0]")
