"""Polls the trigger bit of a PLC over Modbus TCP (extra `modbus`)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from inspector.connections.modbus import ModbusPoller, join_words
from inspector.connections.options import ModbusAddress, check_modbus_address
from inspector.core.schema import Between, OneOf, Seconds
from inspector.machine.controls import TriggerMessage
from inspector.triggers.gate import TriggerGate
from inspector.triggers.kinds import ReceiverOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusTriggerOptions(ReceiverOptions, ModbusAddress):
    """table, register: of the trigger; it is set if its value is not 0. part_register: address from
    0 of the holding register with the part number; None for parts without ids. part_bits: of the
    number; the register is the first word if it is 32. max_gap_s: longest time between two polls
    after which a trigger that was set meanwhile still counts."""

    table: Annotated[str, OneOf("coil", "discrete_input", "holding", "input")] = "coil"
    part_register: Annotated[int, Between(0, 65534)] | None = None
    part_bits: Annotated[int, OneOf(16, 32)] = 16
    word_order: Annotated[str, OneOf("high_first", "low_first")] = "high_first"
    max_gap_s: Seconds = 0.25


class RisingEdge:
    """Finds the polls at which a value has changed from 0. max_gap_s: see ModbusTriggerOptions."""

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_s = max_gap_s
        self._last: tuple[float, bool] | None = None
        self.missed = False
        """Whether the last poll came too late to say when the value was set."""

    @property
    def may_come(self) -> bool:
        """Whether the last value was 0."""
        return self._last is not None and not self._last[1]

    def add(self, time_s: float, is_set: bool) -> bool:
        """time_s: monotonic. The first value is no edge, because it may have been set long ago."""
        last, self._last = self._last, (time_s, is_set)
        if last is None or last[1] or not is_set:
            self.missed = False
            return False
        self.missed = time_s - last[0] > self._max_gap_s
        return not self.missed


class ModbusReceiver:
    """A rising edge is a trigger. The part number must be in its register before. Part number 0 is
    no number. Raises the errors of ModbusPoller."""

    Options: ClassVar[type[ReceiverOptions]] = ModbusTriggerOptions

    def __init__(self, options: ModbusTriggerOptions, gate: TriggerGate, key: str) -> None:
        check_modbus_address(options, key)
        self._options, self._gate = options, gate
        self._who = f"modbus:{options.host}:{options.port}/{options.register}"
        self._edge = RisingEdge(options.max_gap_s)
        self.connection = ModbusPoller(options, 1, key, self._on_words)

    def stop(self) -> None:
        self.connection.stop()

    def _on_words(self, time_s: float, words: list[int]) -> None:
        is_set = bool(words[0])
        # If the number cannot be read, the next poll sees the same edge again.
        part_id = self._read_part() if is_set and self._edge.may_come else None
        if self._edge.add(time_s, is_set):
            self._gate.receive(TriggerMessage(part_id=part_id, time_s=time_s), self._who)
        elif self._edge.missed:
            reason = f"no poll for {self._options.max_gap_s:g} s, so its time is not known"
            self._gate.refuse(reason, self._who)

    def _read_part(self) -> str | None:
        options = self._options
        if options.part_register is None:
            return None
        words = self.connection.read("holding", options.part_register, options.part_bits // 16)
        number = join_words(words, high_first=options.word_order == "high_first")
        return str(number) if number else None
