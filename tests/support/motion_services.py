"""Starts the servers that give the motion of a line: Mosquitto, and the Modbus server of
pymodbus."""

import asyncio
import contextlib
import json
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from waiting import wait_for

from inspector.core.clock import now_ns
from inspector.tracking.positions import Place, Positions

TOPIC = "line/encoder"
SPEED = 200.0
"""mm/s of the simulated line."""

BROKER = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def now_s() -> float:
    return now_ns() / 1e9


def latest(positions: Positions) -> Place | None:
    """The position a short time ago, as for a frame that was inspected meanwhile."""
    return positions.at(now_s() - 0.15)


def is_known(positions: Positions) -> Callable[[], bool]:
    return lambda: latest(positions) is not None


def is_unknown(positions: Positions) -> Callable[[], bool]:
    return lambda: latest(positions) is None


class Broker:
    """A Mosquitto process on a free port of this machine. settings: more lines of its file."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        is_durable = any(line.startswith("persistence ") for line in settings)
        memory = () if is_durable else ("persistence false",)
        lines = (f"listener {self.port} 127.0.0.1", *memory, *settings)
        self._file.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [BROKER, "-c", str(self._file)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(lambda: _listens(self.port))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def save(self, folder: Path) -> None:
        """Makes it write its sessions to this folder, so that they survive a kill."""
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR1)
        wait_for((folder / "mosquitto.db").exists)

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class Publisher:
    """Publishes the position of a line 50 times per s on a thread, and whatever a test adds."""

    def __init__(self, port: int, **login: str) -> None:
        from paho.mqtt import client

        self.client = client.Client(client.CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(login["user"], login["password"])
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async("127.0.0.1", port, keepalive=5)
        self.client.loop_start()
        self.position = self.make_position
        self.start_s = now_s()
        self.talks = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def make_position(self) -> object:
        return (now_s() - self.start_s) * SPEED

    def send(self, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(TOPIC, payload, retain=retain)

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            if self.talks and self.client.is_connected():
                self.send(json.dumps(self.position()).encode())

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.client.disconnect()
        self.client.loop_stop()


class Sender:
    """Publishes messages at a topic with QoS 1. answers: JSON messages at the answer topic."""

    def __init__(self, port: int, topic: str, answer_topic: str | None = None) -> None:
        from paho.mqtt import client

        self._topic = topic
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.client = client.Client(client.CallbackAPIVersion.VERSION2)
        if answer_topic is not None:
            self.client.on_connect = lambda link, *_: link.subscribe(answer_topic)
        self.client.on_message = lambda _, __, message: self.answers.put(
            json.loads(message.payload)
        )
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async("127.0.0.1", port, keepalive=5)
        self.client.loop_start()
        wait_for(self.client.is_connected)

    def send(self, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(self._topic, payload, qos=1, retain=retain).wait_for_publish(20)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def publishing(port: int, **login: str) -> Iterator[Publisher]:
    publisher = Publisher(port, **login)
    try:
        yield publisher
    finally:
        publisher.close()


class ModbusDevice:
    """A Modbus server on a free port, whose first holding registers a function sets; None: a client
    sets its coils and registers."""

    def __init__(self, read: Callable[[], list[int]] | None = None) -> None:
        self.port = free_port()
        self.delay_s = 0.0
        self._read = read
        self._loop = asyncio.new_event_loop()
        self._server: object = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(10)

    async def _start(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        async def answer(*arguments: object) -> None:
            await asyncio.sleep(self.delay_s)
            assert self._read is not None
            registers = arguments[4]
            registers[: len(self._read())] = self._read()  # type: ignore[index]

        data = SimData(0, values=[0] * 10, datatype=DataType.REGISTERS)
        if self._read is None:
            bits = SimData(0, values=[False] * 16, datatype=DataType.BITS)
            device = SimDevice(1, simdata=([bits], [bits], [data], [data]))
        else:
            device = SimDevice(1, simdata=[data], action=answer)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)


def _listens(port: int) -> bool:
    with socket.socket() as place:
        return place.connect_ex(("127.0.0.1", port)) == 0
