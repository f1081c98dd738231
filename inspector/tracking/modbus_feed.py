"""Polls the counter or the speed of a line over Modbus TCP (extra `modbus`)."""

import logging
import threading
from typing import Any, Final

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.tracking.feed_options import POSITION, ModbusOptions
from inspector.tracking.positions import Positions

_RETRY_S: Final = (0.5, 10.0)


def join_words(words: list[int], *, high_first: bool) -> int:
    """One unsigned number from one or two 16-bit words."""
    value = 0
    for word in words if high_first else reversed(words):
        value = value << 16 | word
    return value


class Counter:
    """Continues a counter that wraps around.

    span: number of its values. most_per_s: largest change per s. After a longer time than it takes
    to count through half of the span, the number of wraps is not known.
    """

    def __init__(self, span: int, most_per_s: float) -> None:
        self._span, self._most_per_s = span, most_per_s
        self._last: tuple[float, int] | None = None
        self._total = 0
        self.has_wrapped = False

    def add(self, time_s: float, value: int) -> tuple[int, bool]:
        """The continued value, and whether it continues the one before."""
        half = self._span // 2
        last, self._last = self._last, (time_s, value)
        if last is None:
            self._total = value - self._span if value >= half else value
            return self._total, True
        self._total += (value - last[1] + half) % self._span - half
        self.has_wrapped = self.has_wrapped or not -half <= self._total < half
        return self._total, (time_s - last[0]) * self._most_per_s < half


class ModbusFeed:
    """Polls on a thread. After an error it connects again."""

    name = "modbus"

    def __init__(self, options: ModbusOptions) -> None:
        self._modbus = _load_client()
        self._options = options
        self.measures_speed = options.quantity != POSITION
        self.positions = Positions(max_age_s=options.max_age_s, max_speed=options.max_speed)
        span = 2**options.bits
        self._counter = Counter(span, options.max_speed / abs(options.scale))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="modbus motion", daemon=True)
        self._thread.start()

    @property
    def is_absolute(self) -> bool:
        """A counter that has wrapped around begins without its wraps when the program starts."""
        return not self.measures_speed and not self._counter.has_wrapped

    def stop(self) -> None:
        self._stopping.set()

    def _work(self) -> None:
        options = self._options
        client = self._modbus.client.ModbusTcpClient(
            options.host, port=options.port, timeout=options.timeout_s, retries=0
        )
        wait_s, failed = 0.0, False
        due_s = now_ns() / 1e9
        while not self._stopping.wait(wait_s):
            try:
                self._poll(client)
            except (OSError, self._modbus.ModbusException) as exc:
                client.close()
                if not failed:
                    logger.warning("tracking.motion modbus: no value: {}", exc)
                wait_s = min(2 * wait_s, _RETRY_S[1]) if failed else _RETRY_S[0]
                failed = True
                due_s = now_ns() / 1e9 + wait_s
                continue
            if failed:
                logger.info("tracking.motion modbus: values arrive again")
            failed = False
            now_s = now_ns() / 1e9
            due_s = max(due_s + options.interval_s, now_s)
            wait_s = due_s - now_s
        client.close()

    def _poll(self, client: Any) -> None:
        """Reads one value. Raises OSError or ModbusException."""
        options = self._options
        if not client.connected and not client.connect():
            raise ConnectionError(f"{options.host}:{options.port} cannot be reached")
        read = client.read_holding_registers
        if options.table == "input":
            read = client.read_input_registers
        before_s = now_ns() / 1e9
        answer = read(options.register, count=options.bits // 16, device_id=options.unit)
        after_s = now_ns() / 1e9
        if answer.isError():
            raise OSError(f"the device answers {answer}")
        value = join_words(answer.registers, high_first=options.word_order == "high_first")
        self._add((before_s + after_s) / 2, value)

    def _add(self, time_s: float, value: int) -> None:
        options = self._options
        if self.measures_speed:
            span = 2**options.bits
            signed = value - span if options.signed and value >= span // 2 else value
            self.positions.add_speed(time_s, signed * options.scale * 1000 / 60)
            return
        total, continued = self._counter.add(time_s, value)
        self.positions.add(time_s, total * options.scale, continued=continued)


def _load_client() -> Any:
    """The module pymodbus with its client and its exceptions. Its messages are not printed, because
    the thread logs every failure."""
    try:
        import pymodbus
        import pymodbus.client
    except ModuleNotFoundError as exc:
        raise ConfigError("tracking.motion modbus needs pymodbus: pip install '.[modbus]'") from exc
    logging.getLogger("pymodbus").addHandler(logging.NullHandler())
    return pymodbus
