"""Runs the handshake between a simulated PLC and the servers, with the faults of both sides.

python -m benchmarks.handshake [--parts 10000] [--opcua-parts 500] [--seed 7] prints JSON. The part
numbers repeat after three parts, so only the handshake tells an old verdict from a new one. The
cases have their counts. too_slow: good parts that were rejected, because this computer did not
answer within TIMEOUT_MS.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from loguru import logger

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.modbus_server import ModbusServer
from inspector.machine.opcua_server import OpcUaServer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from plc_rig import PlcRig
from simulated_plc import PASS, Inputs, ModbusWire, OpcUaWire, SimulatedPlc, Wire

TIMEOUT_MS: Final = 100
"""Of the verdict and of the acknowledge."""

FAULTS: Final = (
    *("late_verdict", "missing_verdict", "pass_and_fail", "fail_and_pass", "pass_twice"),
    *("foreign_pass", "late_acknowledge", "missing_acknowledge", "double_acknowledge"),
    *("early_acknowledge", "double_trigger", "trigger_after_result", "plc_restarts"),
    "inspector_restarts",
)
RARE: Final = "inspector_restarts"
WRONG: Final = (
    *("accepted_wrongly", "rejected_wrongly", "pass_seen_wrongly", "old_pass_after_trigger"),
    "too_slow",
)
"""Counts that are printed also if they are 0."""
PASSES: Final = {
    *("pass", "pass_twice", "late_acknowledge", "missing_acknowledge", "double_acknowledge"),
    *("early_acknowledge", "trigger_after_result"),
}
"""Cases in which the PLC may see PASS while the result is in time."""


class RecordingWire:
    """Remembers the cycles whose PASS the PLC has seen."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.write, self.write_trigger, self.close = wire.write, wire.write_trigger, wire.close
        self.passed: set[int] = set()

    def read(self) -> Inputs:
        inputs = self._wire.read()
        if inputs.result_valid and inputs.verdict == PASS:
            self.passed.add(inputs.cycle)
        return inputs


class Trial:
    """Parts one after the other, each with one case."""

    def __init__(self, rig: PlcRig, start: Callable[[], tuple[Any, Wire]], rng: random.Random):
        self.rig, self._start_server, self._rng = rig, start, rng
        self.counts = Counter(dict.fromkeys(WRONG, 0))
        self.times_ms: list[float] = []
        self.old: list[str] = []
        """Parts whose verdict comes too late: in the next cycle, and as PASS."""
        self.case = ""
        self._allowed: set[int] = set()
        rig.judge = self._judge
        self._open()

    def run(self, parts: int) -> dict[str, Any]:
        begun = time.monotonic()
        for number in range(parts):
            self._run_part(str(number % 3 + 1))
        self._close()
        return {
            "parts": parts,
            "seconds": round(time.monotonic() - begun, 1),
            **dict(sorted(self.counts.items())),
            "trigger_to_result_ms_median": round(median(self.times_ms), 2),
            "trigger_to_result_ms_worst": round(max(self.times_ms), 2),
        }

    def _open(self) -> None:
        self.server, wire = self._start_server()
        self.wire = RecordingWire(wire)
        self.plc = SimulatedPlc(self.wire, timeout_s=20)
        self.plc.start()

    def _close(self) -> None:
        """The cycles of a server are complete, so all that the PLC saw can be checked."""
        self.counts["pass_seen_wrongly"] += len(self.wire.passed - self._allowed)
        self._allowed.clear()
        self.wire.close()
        self.server.stop()

    def _judge(self, part_id: str) -> None:
        """Runs while the server handles the trigger, so the PLC sees nothing in between."""
        for old in self.old:
            self.rig.give(old, Verdict.PASS)
        self.old.clear()
        case = self.case
        if case in PASSES and case != "early_acknowledge":
            self._allowed.add(int(part_id.rpartition("/")[2]))
        if case in ("late_verdict", "plc_restarts", "double_trigger", RARE):
            self.old.append(part_id)
        elif case == "foreign_pass":
            self.rig.give(part_id + "0", Verdict.PASS)
        elif case in ("fail", "error"):
            self.rig.give(part_id, Verdict(case.upper()))
        elif case in ("pass_and_fail", "fail_and_pass"):
            for word in case.upper().split("_AND_"):
                self.rig.give(part_id, Verdict(word))
        elif case not in ("missing_verdict", "early_acknowledge"):
            for _ in range(1 + (case == "pass_twice")):
                self.rig.give(part_id, Verdict.PASS)

    def _run_part(self, part: str) -> None:
        case = self.case = self._choose_case()
        self.counts[case] += 1
        plc, wire = self.plc, self.wire
        plc.wait(lambda inputs: inputs.ready)
        begun = time.perf_counter()
        wire.write_trigger(part)
        if case == "early_acknowledge":
            wire.write(acknowledge=True)
            wire.write()
            if not wire.read().busy:  # the verdict was late before the acknowledge came
                self.counts["too_slow"] += 1
                plc.start()
                return
            self._allowed.add(wire.read().cycle)
            self.rig.give(str(self.rig.triggers[-1].part_id), Verdict.PASS)
        elif case == "double_trigger":
            wire.write()
            wire.write_trigger(part)
        elif case == "plc_restarts":
            plc.start()
            return
        elif case == RARE:
            self._close()
            self._open()
            return
        result = plc.wait_for_result()
        if case in ("pass", "fail", "error"):
            self.times_ms.append(1e3 * (time.perf_counter() - begun))
        accepted = result.verdict == PASS and result.part == part
        self.counts["accepted"] += accepted
        self.counts["accepted_wrongly"] += accepted and case not in PASSES
        if not accepted and case in PASSES:
            is_slow = result.error_code in (ErrorCode.LATE, ErrorCode.NOT_ACKNOWLEDGED)
            self.counts["too_slow" if is_slow else "rejected_wrongly"] += 1
        wire.write()
        self._end_part(case, part)

    def _end_part(self, case: str, part: str) -> None:
        plc, wire = self.plc, self.wire
        if case == "missing_acknowledge":
            plc.wait(lambda inputs: inputs.verdict != PASS)
            plc.start()
            return
        if case == "late_acknowledge":
            plc.wait(lambda inputs: inputs.verdict != PASS)
        elif case == "trigger_after_result":
            wire.write_trigger(part)
            self.counts["old_pass_after_trigger"] += wire.read().verdict == PASS
        plc.acknowledge()
        if case == "double_acknowledge":
            wire.write(acknowledge=True)
            wire.write()

    def _choose_case(self) -> str:
        if self._rng.random() < 0.6:
            return self._rng.choices(("pass", "fail", "error"), (6, 3, 1))[0]
        case = self._rng.choice(FAULTS)
        return case if case != RARE or self._rng.random() < 0.05 else "fail"


def start_modbus(rig: PlcRig) -> tuple[ModbusServer, Wire]:
    server = ModbusServer(make_options(ModbusServer, rig), rig.board, "outputs[0]", rig)
    return server, ModbusWire(server.port)


def start_opcua(rig: PlcRig) -> tuple[OpcUaServer, Wire]:
    server = OpcUaServer(make_options(OpcUaServer, rig), rig.board, "outputs[0]", rig)
    return server, OpcUaWire(server.port)


def make_options(server_class: Any, rig: PlcRig) -> Any:
    return server_class.Options(
        kind="",
        port=0,
        expiry_ms=rig.board.expiry_ns / 1e6,
        result_timeout_ms=TIMEOUT_MS,
        acknowledge_timeout_ms=TIMEOUT_MS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handshake", description=__doc__)
    parser.add_argument(
        "--parts", type=int, default=10_000, help="over Modbus TCP (default: %(default)s)"
    )
    parser.add_argument(
        "--opcua-parts", type=int, default=500, help="over OPC UA (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="of the order of the cases (default: %(default)s)"
    )
    options = parser.parse_args()
    results = {}
    for name, start, parts in (
        ("modbus", start_modbus, options.parts),
        ("opcua", start_opcua, options.opcua_parts),
    ):
        if parts:
            rig = PlcRig()
            trial = Trial(rig, lambda start=start, rig=rig: start(rig), random.Random(options.seed))
            results[name] = trial.run(parts)
    print(json.dumps({"handshake": results}, indent=1))


if __name__ == "__main__":
    logger.remove()
    main()
