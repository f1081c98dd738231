"""Tests of the design of simulated defects: balance, and that it can be cut anywhere."""

from collections import Counter

import pytest

from inspector.core.errors import ConfigError
from learning.simulation.plans import (
    CONTRASTS,
    KINDS,
    WITHOUT_CONTRAST,
    plan_defects,
    sizes_of,
)

FULL = len(KINDS) * 5 * len(CONTRASTS)


def test_a_full_design_has_each_cell_once() -> None:
    plans = plan_defects(FULL, 7, 3)
    for kind in KINDS:
        cells = Counter((plan.size, plan.contrast) for plan in plans if plan.kind == kind)
        assert {size for size, _ in cells} == set(sizes_of(kind))
        if kind in WITHOUT_CONTRAST:
            assert set(cells.values()) == {len(CONTRASTS)}
        else:
            assert len(cells) == 20
            assert set(cells.values()) == {1}


@pytest.mark.parametrize("count", [1, 13, 40, 77, 160, 243])
@pytest.mark.parametrize("pictures", [1, 8, 31])
def test_the_start_of_a_design_is_balanced(count: int, pictures: int) -> None:
    plans = plan_defects(count, pictures, 5)
    assert len(plans) == count
    kinds = Counter(plan.kind for plan in plans)
    sources = Counter(plan.picture for plan in plans)
    assert max(kinds.values()) - min(kinds.get(kind, 0) for kind in KINDS) <= 1
    assert max(sources.values()) - min(sources.get(k, 0) for k in range(pictures)) <= 1
    for kind in KINDS:
        sizes = Counter(plan.size for plan in plans if plan.kind == kind)
        if sizes:
            assert max(sizes.values()) - min(sizes.get(size, 0) for size in sizes_of(kind)) <= 1


def test_a_smaller_design_is_the_start_of_a_larger_one() -> None:
    assert plan_defects(50, 9, 1) == plan_defects(400, 9, 1)[:50]
    assert plan_defects(50, 9, 1) != plan_defects(50, 9, 2)


def test_some_kinds_only() -> None:
    plans = plan_defects(10, 2, 0, ("crack", "stain"))
    assert Counter(plan.kind for plan in plans) == {"crack": 5, "stain": 5}


def test_bad_designs_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one good picture"):
        plan_defects(3, 0, 0)
    with pytest.raises(ConfigError, match="dent"):
        plan_defects(3, 1, 0, ("dent",))
