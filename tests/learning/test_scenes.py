"""A cut between two scenes among the good pictures."""

import numpy as np
import pytest
from log_lines import warnings_of

from engines.spec import ResizeRule
from learning.normals import Normals
from learning.scenes import find_cut, warn_of_scenes

HW = (64, 64)


def scene(seed: int, count: int, *, noise: float = 8.0, light: float = 1.0) -> list[np.ndarray]:
    """Pictures of one scene: large blocks that are always the same, small ones that change."""
    fixed = np.kron(np.random.default_rng(seed).integers(60, 190, (4, 4, 3)), np.ones((16, 16, 1)))
    rng = np.random.default_rng(seed + 1)
    changes = [np.kron(rng.normal(0, noise, (8, 8, 3)), np.ones((8, 8, 1))) for _ in range(count)]
    return [((fixed + change) * light).clip(0, 255).astype(np.uint8) for change in changes]


@pytest.mark.parametrize(("first", "second"), [(30, 30), (12, 60), (60, 12), (100, 100)])
def test_two_scenes_are_separated_at_their_cut(first, second):
    assert find_cut(np.stack([*scene(1, first), *scene(9, second)])) == first


def test_odd_pictures_in_both_scenes_do_not_hide_the_cut():
    pictures = [*scene(1, 40), *scene(9, 40)]
    for index, seed in ((3, 20), (22, 21), (55, 22)):
        pictures[index] = scene(seed, 1)[0]
    assert find_cut(np.stack(pictures)) == 40


@pytest.mark.parametrize(
    "pictures",
    [
        scene(1, 80),
        [*scene(1, 40), *scene(30, 4), *scene(1, 40)],
        [picture for pair in zip(scene(1, 40), scene(9, 40), strict=True) for picture in pair],
        [scene(1, 80)[i] * 0.6 + scene(1, 80)[i] * 0.4 * i / 80 for i in range(80)],
        [scene(seed, 1)[0] for seed in range(60)],
        [*scene(1, 4), *scene(9, 4)],
    ],
    ids=["one scene", "hands", "taking turns", "slow light", "all different", "too few"],
)
def test_one_scene_has_no_cut(pictures):
    assert find_cut(np.stack(pictures).astype(np.uint8)) is None


def test_the_warning_names_both_scenes_and_a_joint_of_two_sources_is_none():
    pictures = np.stack([*scene(1, 20), *scene(9, 20)])
    names = tuple(f"{index}.png" for index in range(40))
    normals = Normals("web", pictures, names, HW, ResizeRule(HW), ordered=True)
    with warnings_of() as heard:
        assert warn_of_scenes(normals) == 20
    assert "20 pictures from 0.png to 19.png, and 20 from 20.png to 39.png" in heard[0]
    sources = (("a", 20), ("b", 20))
    joined = Normals("web", pictures, names, HW, ResizeRule(HW), ordered=True, sources=sources)
    with warnings_of() as heard:
        assert warn_of_scenes(joined) is None
    assert heard == []
