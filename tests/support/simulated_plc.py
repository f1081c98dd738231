"""A PLC that talks to the inspector by Modbus TCP or OPC UA, with the faults of a real one.

The words and node names are written out here, so that they check those of the program.
"""

import time
from dataclasses import dataclass
from typing import Any, Protocol

NO_VERDICT, PASS, FAIL, ERROR = range(4)
"""Numbers of the verdict word."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the PLC reads, in one request."""

    ready: bool
    busy: bool
    trigger_acknowledged: bool
    result_valid: bool
    verdict: int
    error_code: int
    part: str
    cycle: int


class Wire(Protocol):
    """How the PLC reads and writes."""

    def read(self) -> Inputs: ...

    def write(
        self, *, trigger: bool = False, acknowledge: bool = False, reset: bool = False
    ) -> None: ...

    def write_trigger(self, part: str) -> None:
        """Sets the trigger together with the part number."""
        ...

    def close(self) -> None: ...


class ModbusWire:
    """Modbus TCP, with the part number as uint16."""

    def __init__(self, port: int, unit: int = 1) -> None:
        from pymodbus.client import ModbusTcpClient

        self.client = ModbusTcpClient("127.0.0.1", port=port, timeout=5)
        assert self.client.connect()
        self._unit = unit

    def words(self) -> list[int]:
        answer = self.client.read_input_registers(0, count=30, device_id=self._unit)
        assert not answer.isError(), answer
        return list(answer.registers)

    def read(self) -> Inputs:
        words = self.words()
        bits = [bool(words[1] >> bit & 1) for bit in range(4)]
        part = str(words[5]) if words[5] else ""
        return Inputs(*bits, words[2], words[3], part, words[4])

    def write(
        self, *, trigger: bool = False, acknowledge: bool = False, reset: bool = False
    ) -> None:
        self._write([trigger | acknowledge << 1 | reset << 2])

    def write_trigger(self, part: str) -> None:
        self._write([1, int(part)])

    def close(self) -> None:
        self.client.close()

    def _write(self, words: list[int]) -> None:
        answer = self.client.write_registers(0, words, device_id=self._unit)
        assert not answer.isError(), answer


class OpcUaWire:
    """OPC UA, of one station."""

    READ = (
        *("Handshake.Ready", "Handshake.Busy", "Handshake.TriggerAcknowledged"),
        *("Handshake.ResultValid", "ResultManagement.Verdict", "ResultManagement.ErrorCode"),
        *("ResultManagement.PartId", "ResultManagement.ResultId"),
    )
    BITS = ("Handshake.Trigger", "Handshake.ResultAcknowledged", "Handshake.Reset")

    def __init__(self, port: int, station: str = "main", **login: str) -> None:
        from asyncua.sync import Client

        self.client = Client(f"opc.tcp://127.0.0.1:{port}", timeout=5)
        if login:
            self.client.set_user(login["user"])
            self.client.set_password(login["password"])
        try:
            self.client.connect()
        except BaseException:
            self.client.disconnect()  # ends its thread
            raise
        space = self.client.get_namespace_index("urn:line-inspector:machine")

        def node(name: str) -> Any:
            return self.client.get_node(f"ns={space};s={station}.{name}")

        self.node = node
        self._read = [node(name) for name in self.READ]
        self._bits = [node(name) for name in self.BITS]
        self._part = node("Handshake.PartNumber")

    def read(self) -> Inputs:
        *bits, verdict, code, part, cycle = self.client.read_values(self._read)
        return Inputs(*bits, ("", "PASS", "FAIL", "ERROR").index(verdict), code, part, cycle)

    def write(
        self, *, trigger: bool = False, acknowledge: bool = False, reset: bool = False
    ) -> None:
        self.client.write_values(self._bits, [trigger, acknowledge, reset])

    def write_trigger(self, part: str) -> None:
        self.client.write_values([self._part, *self._bits], [part, True, False, False])

    def close(self) -> None:
        self.client.disconnect()


class PlcTimeout(Exception):
    """The inspector did not answer in time."""


class SimulatedPlc:
    """The program of docs/plc.md. timeout_s: for each step, longer than those of the inspector.

    accepts: whether a part passes. Everything but a PASS that is read in its cycle is a reject.
    """

    def __init__(self, wire: Wire, timeout_s: float = 5.0) -> None:
        self.wire, self._timeout_s = wire, timeout_s

    def start(self) -> None:
        """Resets the handshake, as after a power cut."""
        self.wire.write(reset=True)
        self.wire.write()
        self.wait(lambda inputs: inputs.ready)

    def wait(self, condition: Any) -> Inputs:
        end = time.monotonic() + self._timeout_s
        while not condition(inputs := self.wire.read()):
            if time.monotonic() >= end:
                raise PlcTimeout(str(inputs))
        return inputs

    def trigger(self, part: str) -> None:
        self.wire.write_trigger(part)
        self.wait(lambda inputs: inputs.trigger_acknowledged or inputs.result_valid)
        self.wire.write()

    def wait_for_result(self) -> Inputs:
        return self.wait(lambda inputs: inputs.result_valid)

    def acknowledge(self) -> None:
        self.wire.write(acknowledge=True)
        self.wait(lambda inputs: not inputs.result_valid)
        self.wire.write()

    def accepts(self, part: str) -> bool:
        self.wait(lambda inputs: inputs.ready)
        self.trigger(part)
        result = self.wait_for_result()
        self.acknowledge()
        return result.part == part and result.verdict == PASS
