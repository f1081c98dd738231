"""Polls a register or a bit of a device over Modbus TCP (extra `modbus`)."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from loguru import logger

from inspector.connections.options import ModbusAddress
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError

_RETRY_S: Final = (0.5, 10.0)
_BITS: Final = ("coil", "discrete_input")
_FUNCTIONS: Final = {
    "holding": "read_holding_registers",
    "input": "read_input_registers",
    "coil": "read_coils",
    "discrete_input": "read_discrete_inputs",
}
"""Table -> method of the client that reads it."""

OnWords = Callable[[float, list[int]], None]
"""Gets the monotonic time in s and the 16-bit words, or bits as 0 and 1. It is called on the thread
of the poller, and may call read() of the poller."""


def join_words(words: list[int], *, high_first: bool) -> int:
    """One unsigned number from one or two 16-bit words."""
    value = 0
    for word in words if high_first else reversed(words):
        value = value << 16 | word
    return value


class ModbusPoller:
    """Polls on a thread. After an error it connects again.

    words: number of registers. key: of the section in the configuration, for messages. Raises
    ConfigError without the library.
    """

    def __init__(self, address: ModbusAddress, words: int, key: str, on_words: OnWords) -> None:
        self._modbus = load_pymodbus(key)
        self._address, self._words, self._key = address, words, key
        self._on_words = on_words
        self._client = self._modbus.client.ModbusTcpClient(
            address.host, port=address.port, timeout=address.timeout_s, retries=0
        )
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, name=key, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        self._stopping.set()

    def _work(self) -> None:
        wait_s, failed = 0.0, False
        due_s = now_ns() / 1e9
        while not self._stopping.wait(wait_s):
            try:
                self._poll()
            except (OSError, self._modbus.ModbusException) as exc:
                self._client.close()
                if not failed:
                    logger.warning("{}: no value: {}", self._key, exc)
                wait_s = min(2 * wait_s, _RETRY_S[1]) if failed else _RETRY_S[0]
                failed = True
                due_s = now_ns() / 1e9 + wait_s
                continue
            if failed:
                logger.info("{}: values arrive again", self._key)
            failed = False
            now_s = now_ns() / 1e9
            due_s = max(due_s + self._address.interval_s, now_s)
            wait_s = due_s - now_s
        self._client.close()

    def read(self, table: str, register: int, count: int) -> list[int]:
        """Reads words or bits, on the thread of the poller. table: holding, input, coil or
        discrete_input. Raises OSError or ModbusException."""
        read = getattr(self._client, _FUNCTIONS[table])
        answer = read(register, count=count, device_id=self._address.unit)
        if answer.isError():
            raise OSError(f"the device answers {answer}")
        # An answer has its bits in whole bytes.
        return list(map(int, answer.bits[:count])) if table in _BITS else answer.registers

    def _poll(self) -> None:
        """Reads the words. Raises OSError or ModbusException."""
        address = self._address
        if not self._client.connected and not self._client.connect():
            raise ConnectionError(f"{address.host}:{address.port} cannot be reached")
        assert address.register is not None  # check_modbus_address
        before_s = now_ns() / 1e9
        words = self.read(address.table, address.register, self._words)
        after_s = now_ns() / 1e9
        self._on_words((before_s + after_s) / 2, words)


def load_pymodbus(key: str) -> Any:
    """The package pymodbus with its client and its exceptions. Its messages are not printed: the
    program logs every failure, and rubbish from a client would fill the log. Raises ConfigError
    without it; key: of the section in the configuration."""
    try:
        import pymodbus
        import pymodbus.client
    except ModuleNotFoundError as exc:
        raise ConfigError(f"{key} needs pymodbus: pip install '.[modbus]'") from exc
    logging.getLogger("pymodbus").addHandler(logging.NullHandler())
    return pymodbus
