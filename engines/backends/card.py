"""What a graphics card can do at most, from what its driver says of it."""

from dataclasses import dataclass
from typing import Final

from engines.cost import Cost

FLOP_PER_CLOCK: Final[dict[tuple[int, int], dict[str, int]]] = {
    (7, 5): {"float32": 128, "float16": 1024},
    (8, 0): {"float32": 128, "float16": 2048},
    (8, 6): {"float32": 256, "float16": 1024},
    (8, 7): {"float32": 256, "float16": 2048},
    (8, 9): {"float32": 256, "float16": 1024},
    (9, 0): {"float32": 256, "float16": 4096},
    (10, 0): {"float32": 256, "float16": 8192},
    (12, 0): {"float32": 256, "float16": 1024},
}
"""Compute capability -> precision -> operations of one multiprocessor in one clock.

float32: by its float32 lanes, two operations each (CUDA C++ Programming Guide, throughput of native
arithmetic instructions); TF32, which rounds, is switched off here. float16: by tensor cores on
dense matrices, summed in the type that is faster (NVIDIA's architecture papers).
"""


@dataclass(frozen=True, slots=True)
class Card:
    """clock_hz: the highest of its multiprocessors. bytes_per_s: of its memory. Either is 0 where
    the driver does not tell."""

    capability: tuple[int, int]
    multiprocessors: int
    clock_hz: float
    bytes_per_s: float

    def flop_per_s(self, precision: str) -> float | None:
        """None for a card of another kind than the known ones, or whose clock is not told."""
        per_clock = FLOP_PER_CLOCK.get(self.capability)
        if per_clock is None or not self.clock_hz:
            return None
        return per_clock[precision] * self.multiprocessors * self.clock_hz

    def least_ms(self, cost: Cost, batch: int) -> float | None:
        """Of one run: its arithmetic at full speed or its bytes from memory, whichever takes
        longer. Constants that stay in the cache from run to run undercut the latter. None where
        the card's speed is not known."""
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
