"""Tests of a line whose parts a PLC triggers."""

import socket
from pathlib import Path

import pytest
from line_rig import LineRig, write_line
from motion_services import free_port
from simulated_plc import ModbusWire, SimulatedPlc

from inspector.service.attending import attend
from inspector.service.notify import Notifier

pytestmark = pytest.mark.services


def line_rig(folder: Path, port: int) -> LineRig:
    output = {"kind": "modbus_server", "port": port, "expiry_ms": 60_000}
    parts = {"enabled": True, "by": "trigger", "frames": 1}
    rig = LineRig(write_line(folder, outputs=[output], parts=parts))
    attend(rig.line, Notifier())
    return rig


def test_a_plc_gets_the_verdicts_of_its_parts_over_a_change(tmp_path: Path) -> None:
    port = free_port()
    rig = line_rig(tmp_path, port)
    wire = ModbusWire(port)
    assert not wire.read().ready
    with rig:
        rig.wait_for_frames()
        plc = SimulatedPlc(wire)
        plc.start()
        assert all(plc.accepts(part) for part in ("1", "1", "2"))
        assert rig.ask("reload").done
        plc.start()
        assert plc.accepts("3")
        cycles = wire.words()[4]
        assert rig.ask("stop").done
        plc.wait(lambda inputs: not inputs.ready)
        wire.write_trigger("4")
        assert not wire.read().trigger_acknowledged
        assert wire.words()[4] == cycles
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    parts = [part for run in rig.runs() for part in run.of_type("part")]
    assert len(parts) == cycles
    assert len({part["part_id"] for part in parts}) == cycles
    assert [part["serial"] for part in parts] == ["1", "1", "2", "3"]
