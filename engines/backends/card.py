"""Computes the peak speed of a graphics card from the properties that its driver reports."""

from dataclasses import dataclass
from typing import Final

from engines.cost import Cost

FLOP_PER_CLOCK: Final[dict[tuple[int, int], dict[str, int]]] = {
    (7, 5): {"float32": 128, "float16": 1024, "int8": 2048},
    (8, 0): {"float32": 128, "float16": 2048, "int8": 4096},
    (8, 6): {"float32": 256, "float16": 1024, "int8": 2048},
    (8, 7): {"float32": 256, "float16": 2048, "int8": 4096},
    (8, 9): {"float32": 256, "float16": 1024, "int8": 2048},
    (9, 0): {"float32": 256, "float16": 4096, "int8": 8192},
    (10, 0): {"float32": 256, "float16": 8192, "int8": 16384},
    (12, 0): {"float32": 256, "float16": 1024, "int8": 2048},
}
"""Compute capability -> precision -> operations per multiprocessor and clock cycle.

float32: on the float32 lanes, two operations per lane (CUDA C++ Programming Guide, throughput of
native arithmetic instructions); engines do not use TF32, because it rounds. float16: tensor cores
on dense matrices, with the faster type of accumulator; int8: the same with whole numbers
(NVIDIA's architecture papers).
"""


@dataclass(frozen=True, slots=True)
class Card:
    """Properties of a graphics card.

    clock_hz: highest clock of the multiprocessors. bytes_per_s: speed of the memory. Both are 0 if
    the driver does not report them.
    """

    capability: tuple[int, int]
    multiprocessors: int
    clock_hz: float
    bytes_per_s: float

    def flop_per_s(self, precision: str) -> float | None:
        """Peak operations per second; None for an unknown kind of card or an unknown clock."""
        per_clock = FLOP_PER_CLOCK.get(self.capability)
        if per_clock is None or not self.clock_hz:
            return None
        return per_clock[precision] * self.multiprocessors * self.clock_hz

    def least_ms(self, cost: Cost, batch: int) -> float | None:
        """Shortest possible time of one run in milliseconds; None if the speed is unknown.

        It is the larger of two times: for the arithmetic at peak speed, and for reading all bytes
        from memory. A run can be faster if the constants stay in the cache between runs.
        """
        seconds = 0.0
        for precision, flops in cost.flops.items():
            speed = self.flop_per_s(precision)
            if speed is None:
                return None
            seconds += batch * flops / speed
        if not self.bytes_per_s:
            return None
        moved = cost.constant_bytes + batch * cost.picture_bytes
        return 1e3 * max(seconds, moved / self.bytes_per_s)
