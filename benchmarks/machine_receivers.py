"""The receivers of a machine: a broker that is killed, a consumer of records, readers of state."""

import contextlib
import json
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from benchmarks.desk_line import free_port
from inspector.machine.registers import STATE_WORDS, StateWord

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from killed_records import durable_broker
from mqtt_consumer import Consumer, restart_broker

BROKER_AWAY_S: Final = 2.0
READ_S: Final = 0.5
"""Time between two readings of a PLC or of Prometheus."""

_RECORDS: Final = "records/"


class Highest:
    """The highest number of each place."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def rises(self, place: Hashable, number: int) -> bool:
        """False if the number is lower than one that was at this place before."""
        highest = self._numbers.get(place, number)
        self._numbers[place] = max(highest, number)
        return number >= highest


class Deliveries:
    """What a consumer got that uses each event_id once.

    event_ids: in the order of their first delivery. repeated: messages with an event_id that came
    before. out_of_order: records that came after a later record of the same run and source.
    """

    def __init__(self) -> None:
        self.event_ids: dict[str, None] = {}
        self.repeated = self.out_of_order = 0
        self._numbers = Highest()

    def see(self, record: Mapping[str, Any]) -> None:
        if record["event_id"] in self.event_ids:
            self.repeated += 1
            return
        self.event_ids[record["event_id"]] = None
        run = record["run_id"], record["source"]
        self.out_of_order += not self._numbers.rises(run, record["seq"])


class MachineConsumer(Consumer):
    """Receives records and states. It stores no message. deliveries: the records. states: number of
    messages about states. backwards: sequences of states that were lower than before."""

    def __init__(self, port: int) -> None:
        self.deliveries = Deliveries()
        self.states = self.backwards = 0
        self._sequences = Highest()
        super().__init__(port)

    def _receive(self, _: Any, __: Any, message: Any) -> None:
        content = json.loads(message.payload)
        if message.topic.startswith(_RECORDS):
            self.deliveries.see(content)
            return
        self.states += 1
        if content.get("sequence"):  # the last will has none
            self.backwards += not self._sequences.rises(message.topic, content["sequence"])


class StateReaders:
    """Reads the states of all stations by Modbus TCP and Prometheus, until close().

    counts: readings by kind, and those that failed. backwards: heartbeats that were lower than
    before.
    """

    def __init__(self, receivers: "Receivers", stations: Sequence[str]) -> None:
        from pymodbus.client import ModbusTcpClient

        self.counts: Counter[str] = Counter()
        self.backwards = 0
        self._heartbeats = Highest()
        self._stations = stations
        self._url = f"http://127.0.0.1:{receivers.metrics_port}/metrics"
        self._modbus = ModbusTcpClient("127.0.0.1", port=receivers.modbus_port, timeout=2)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._modbus.close()

    def _work(self) -> None:
        from pymodbus.exceptions import ModbusException

        readers = {"modbus": self._read_registers, "prometheus": self._read_metrics}
        while not self._ended.wait(READ_S):
            for kind, read in readers.items():
                try:
                    is_good = read()
                except (OSError, ModbusException):
                    is_good = False
                self.counts[kind if is_good else f"{kind} failed"] += 1

    def _read_registers(self) -> bool:
        for unit, station in enumerate(self._stations, 1):
            answer = self._modbus.read_input_registers(0, count=STATE_WORDS, device_id=unit)
            if answer.isError():
                return False
            high, low = answer.registers[StateWord.HEARTBEAT : StateWord.HEARTBEAT + 2]
            self.backwards += not self._heartbeats.rises(station, high << 16 | low)
        return True

    def _read_metrics(self) -> bool:
        with urllib.request.urlopen(self._url, timeout=2) as answer:
            text = answer.read().decode()
        return all(f'"{station}"' in text for station in self._stations)


class Receivers:
    """Everything that receives something from the program, on free ports. The consumer of the
    records has a stored session at the broker.

    kill_s: time between two kills of the broker; None: it is never killed. kills: how often it was
    killed.
    """

    def __init__(self, folder: Path, kill_s: float | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.relay_file = folder / "relay.txt"
        place = folder / "broker"
        place.mkdir()
        self.broker = durable_broker(place)
        self.modbus_port, self.metrics_port = free_port(), free_port()
        with contextlib.ExitStack() as stack:
            stack.callback(self.broker.kill)
            self.consumer = MachineConsumer(self.broker.port)
            self.broker.save(place)
            stack.pop_all()
        self.kills = 0
        self._kill_s = kill_s
        self._ended = threading.Event()
        self._executor = ThreadPoolExecutor(1)
        self._killing = self._executor.submit(self._kill)

    def entries(self, folder: Path, stations: Sequence[str]) -> list[dict[str, Any]]:
        """The list `outputs` of the configuration. folder: of the outbox."""
        broker = {"host": "127.0.0.1", "port": self.broker.port}
        relay = ["/bin/sh", "-c", f'echo "$0" >> {self.relay_file}']
        return [
            {
                "kind": "mqtt",
                "topic": "records/{source}/{type}",
                "queue": {"dir": str(folder), "retry_max_s": 2.0},
                **broker,
            },
            *(
                {"kind": "mqtt_state", "topic": f"states/{name}", "station": name, **broker}
                | {"expiry_ms": 2000}
                for name in stations
            ),
            {"kind": "modbus_server", "port": self.modbus_port, "expiry_ms": 2000},
            {"kind": "prometheus", "port": self.metrics_port, "expiry_ms": 2000},
            {"kind": "command", "command": relay, "station": stations[0], "expiry_ms": 2000},
        ]

    def rest(self) -> None:
        """From now on the broker is not killed any more. Raises the error of a kill."""
        self._ended.set()
        self._killing.result()

    def close(self) -> None:
        self._ended.set()
        self._executor.shutdown()
        self.consumer.close()
        self.broker.kill()

    def _kill(self) -> None:
        while self._kill_s is not None and not self._ended.wait(self._kill_s):
            self.kills += 1
            restart_broker(self.broker, self.consumer, BROKER_AWAY_S)


@contextlib.contextmanager
def reading(receivers: Receivers, stations: Sequence[str]) -> Iterator[StateReaders]:
    with contextlib.closing(StateReaders(receivers, stations)) as readers:
        yield readers
