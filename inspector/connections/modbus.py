"""Polls a register of a device over Modbus TCP (extra `modbus`)."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from loguru import logger

from inspector.connections.options import ModbusAddress
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError

_RETRY_S: Final = (0.5, 10.0)

OnWords = Callable[[float, list[int]], None]
"""Gets the monotonic time in s and the 16-bit words. It is called on the thread of the poller."""


class ModbusPoller:
    """Polls on a thread. After an error it connects again.

    words: number of registers. key: of the section in the configuration, for messages. Raises
    ConfigError without the library.
    """

    def __init__(self, address: ModbusAddress, words: int, key: str, on_words: OnWords) -> None:
        self._modbus = _load_client(key)
        self._address, self._words, self._key = address, words, key
        self._on_words = on_words
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, name=key, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        self._stopping.set()

    def _work(self) -> None:
        address = self._address
        client = self._modbus.client.ModbusTcpClient(
            address.host, port=address.port, timeout=address.timeout_s, retries=0
        )
        wait_s, failed = 0.0, False
        due_s = now_ns() / 1e9
        while not self._stopping.wait(wait_s):
            try:
                self._poll(client)
            except (OSError, self._modbus.ModbusException) as exc:
                client.close()
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
            due_s = max(due_s + address.interval_s, now_s)
            wait_s = due_s - now_s
        client.close()

    def _poll(self, client: Any) -> None:
        """Reads the words. Raises OSError or ModbusException."""
        address = self._address
        if not client.connected and not client.connect():
            raise ConnectionError(f"{address.host}:{address.port} cannot be reached")
        read = client.read_holding_registers
        if address.table == "input":
            read = client.read_input_registers
        before_s = now_ns() / 1e9
        answer = read(address.register, count=self._words, device_id=address.unit)
        after_s = now_ns() / 1e9
        if answer.isError():
            raise OSError(f"the device answers {answer}")
        self._on_words((before_s + after_s) / 2, answer.registers)


def _load_client(key: str) -> Any:
    """The module pymodbus with its client and its exceptions. Its messages are not printed, because
    the thread logs every failure."""
    try:
        import pymodbus
        import pymodbus.client
    except ModuleNotFoundError as exc:
        raise ConfigError(f"{key} needs pymodbus: pip install '.[modbus]'") from exc
    logging.getLogger("pymodbus").addHandler(logging.NullHandler())
    return pymodbus
