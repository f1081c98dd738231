"""Options that every training with torch has."""

from dataclasses import dataclass, field
from typing import Final

from learning.options import check_within, integer, option, switch, whole_number

MOST_THREADS: Final = 256


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """every: epochs from one validation to the next. patience: validations without improvement
    before the training stops; 0 never stops early. threads: 0 lets torch choose."""

    every: int = field(
        default=10,
        metadata=option(
            "epochs from one validation to the next", integer, flag="eval-every", metavar="EPOCHS"
        ),
    )
    patience: int = field(
        default=0,
        metadata=option(
            "stop after N validations without improvement; 0: never", integer, metavar="N"
        ),
    )
    seed: int = field(default=0, metadata=option("seed of all random choices", whole_number))
    device: str = field(
        default="cpu", metadata=option("device for features and training: cpu or cuda", str)
    )
    amp: bool = field(default=False, metadata=switch("train in bfloat16 where that is safe"))
    threads: int = field(
        default=0, metadata=option("number of threads; 0: the libraries choose", integer)
    )

    def __post_init__(self) -> None:
        check_within("every", self.every, 1)
        for key in ("patience", "seed"):
            check_within(key, getattr(self, key), 0)
        check_within("threads", self.threads, 0, MOST_THREADS)
