"""Tests the benchmark of the explanations on single renderings."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.atlas.textures import TEXTURES
from benchmarks.explained_defects import (
    FRAME_MM,
    RENDERINGS,
    UNSEEN,
    WRITING,
    find_centroid,
    render,
)
from benchmarks.explanations import Trial, count_kinds, format_confusion, try_scene
from inspector.core.explanation import KINDS


def test_each_texture_is_either_unseen_or_was_used_for_writing() -> None:
    assert sorted(UNSEEN + WRITING) == sorted(TEXTURES)


def test_all_kinds_but_unclear_are_rendered() -> None:
    assert {rendering.kind for rendering in RENDERINGS.values()} == set(KINDS) - {"unclear"}


def test_the_same_arguments_give_the_same_frame_with_the_defect_inside() -> None:
    first, true = render("foreign", "painted", 3)
    second, _ = render("foreign", "painted", 3)
    other, _ = render("foreign", "painted", 4)
    np.testing.assert_array_equal(first.image, second.image)
    assert (first.image != other.image).any()
    x, y = find_centroid(true)
    assert 0 < x < FRAME_MM[0]
    assert 0 < y < FRAME_MM[1]


@pytest.fixture(scope="module")
def trial() -> Trial:
    scene, true = render("hole", "painted", 5)
    return try_scene("hole", "painted", 5, scene, true)


def test_a_trial_compares_kind_place_and_size(trial: Trial) -> None:
    assert trial.explanation is not None
    assert (trial.right, trial.place) == (True, True)
    assert trial.size is not None
    assert replace(trial, name="soft").right is False


def test_the_counts_are_those_of_the_trials(trial: Trial) -> None:
    missed = replace(trial, name="soft", explanation=None, place=False, size=None)
    wrong = replace(trial, name="colour", size=False)
    figures = count_kinds([trial, missed, wrong])
    assert (figures["defects"], figures["detected"], figures["kind_right"]) == (3, 2, 1)
    assert (figures["place_right"], figures["measured"]) == (2, 2)
    assert figures["by_rendering"]["hole"] == [1, 1]
    assert figures["by_rendering"]["soft"] == [0, 1]
    assert figures["by_texture"] == {"painted": [1, 3]}
    lines = format_confusion([trial, missed, wrong]).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["stain", "hole", "discolouration"]
