"""Polls the counter or the speed of a line over Modbus TCP (extra `modbus`)."""

from inspector.connections.modbus import ModbusPoller, join_words
from inspector.tracking.feed_options import MODBUS, POSITION, ModbusOptions
from inspector.tracking.positions import Positions


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
    """Raises the errors of ModbusPoller."""

    name = "modbus"

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self.measures_speed = options.quantity != POSITION
        self.positions = Positions(max_age_s=options.max_age_s, max_speed=options.max_speed)
        self._counter = Counter(2**options.bits, options.max_speed / abs(options.scale))
        self.connection = ModbusPoller(options, options.bits // 16, MODBUS, self._add)

    @property
    def is_absolute(self) -> bool:
        """A counter that has wrapped around begins without its wraps when the program starts."""
        return not self.measures_speed and not self._counter.has_wrapped

    def stop(self) -> None:
        self.connection.stop()

    def _add(self, time_s: float, words: list[int]) -> None:
        options = self._options
        value = join_words(words, high_first=options.word_order == "high_first")
        if self.measures_speed:
            span = 2**options.bits
            signed = value - span if options.signed and value >= span // 2 else value
            self.positions.add_speed(time_s, signed * options.scale * 1000 / 60)
            return
        total, continued = self._counter.add(time_s, value)
        self.positions.add(time_s, total * options.scale, continued=continued)
