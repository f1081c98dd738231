"""Plans which defects are simulated: a balanced design over kinds, sizes and contrasts."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.errors import ConfigError

KINDS: Final = (
    "scratch",
    "crack",
    "fibre",
    "stain",
    "hole",
    "foreign",
    "missing",
    "displaced",
)
"""scratch: a straight or bent line with a bright and a dark side. crack: jagged, branching and
thin. fibre: a curved thread. stain: soft. hole: dark, with a rim. foreign: a particle or a piece of
another material. missing: replaced by what surrounds it. displaced: cut out of a good picture and
pasted at another place (CutPaste, arXiv 2104.04015)."""

SIZES: Final = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4)
"""Longest extents, as shares of the short side of the picture."""

LINES: Final = ("scratch", "crack", "fibre")
"""Kinds of the larger SIZES; the others take the smaller ones, because a shape of 0.0125 is a
point."""

CONTRASTS: Final = (12.0, 24.0, 48.0, 96.0)
"""Largest differences from the good picture in grey levels, 0 to 255."""

WITHOUT_CONTRAST: Final = ("missing", "displaced")
"""Kinds whose contrast follows from the picture; the plan has 0."""


@dataclass(frozen=True, slots=True)
class DefectPlan:
    """One defect. picture: index of the good picture. size: longest extent as a share of the short
    side of the picture. contrast: grey levels of 0 to 255; 0 for WITHOUT_CONTRAST. seed: of
    everything else, such as place and shape."""

    picture: int
    kind: str
    size: float
    contrast: float
    seed: int


def sizes_of(kind: str) -> tuple[float, ...]:
    """The sizes that are simulated of a kind, as in DefectPlan.size, smallest first."""
    return SIZES[1:] if kind in LINES else SIZES[:-1]


def plan_defects(
    count: int, pictures: int, seed: int, kinds: tuple[str, ...] = KINDS
) -> tuple[DefectPlan, ...]:
    """`count` plans for good pictures 0..pictures-1. A smaller design is the start of a larger one.

    Every len(kinds) plans have each kind once. Every five plans of a kind have each of its sizes
    once, and every twenty each pair of size and contrast. The pictures are taken equally often.
    Raises ConfigError if there is no picture or a kind is unknown.
    """
    if pictures < 1:
        raise ConfigError("at least one good picture is needed to simulate defects")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ConfigError(f"defect kind {unknown[0]!r} is unknown; known are {', '.join(KINDS)}")
    plans = []
    for index in range(count):
        turn, position = divmod(index, len(kinds))
        kind = kinds[_shuffled(len(kinds), seed, 0, turn)[position]]
        number = KINDS.index(kind)
        sizes = sizes_of(kind)
        block, place = divmod(turn, len(sizes))
        rank = _shuffled(len(sizes), seed, 1, block, number)[place]
        contrast = CONTRASTS[(rank + block + number) % len(CONTRASTS)]
        cycle, step = divmod(index, pictures)
        plans.append(
            DefectPlan(
                picture=_shuffled(pictures, seed, 2, cycle)[step],
                kind=kind,
                size=sizes[rank],
                contrast=0.0 if kind in WITHOUT_CONTRAST else contrast,
                seed=int(np.random.default_rng((seed, 3, index)).integers(2**31)),
            )
        )
    return tuple(plans)


def _shuffled(count: int, *seeds: int) -> list[int]:
    return [int(index) for index in np.random.default_rng(seeds).permutation(count)]
