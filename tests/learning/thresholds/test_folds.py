"""Models are fitted without the pictures that they score."""

import threading

import numpy as np
import pytest

from learning.thresholds.folds import ALL, for_each_fold

PARTS = [np.array([0, 3]), np.array([1]), np.array([2, 4])]
PICTURES = {"layer": np.arange(5, dtype=np.float32)}


class Remembering:
    """Its model is the pictures that it was fitted on."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def fit(self, embeddings, seed):
        self.threads.append(threading.current_thread().name)
        return embeddings["layer"].tolist()


class Failing:
    def fit(self, embeddings, seed):
        raise ValueError("too few pictures")


def test_each_part_gets_the_model_of_all_others_in_order():
    method, seen = Remembering(), []
    for_each_fold(method, PICTURES, PARTS, 0, lambda part, model: seen.append((part, model)))
    assert [part.tolist() for part, _ in seen] == [[0, 3], [1], [2, 4]]
    assert [model for _, model in seen] == [[1, 2, 4], [0, 2, 3, 4], [0, 1, 3]]
    assert all(name.startswith("fit") for name in method.threads)


def test_the_part_all_gets_the_model_of_all_pictures():
    method, seen = Remembering(), []
    for_each_fold(
        method, PICTURES, [*PARTS, ALL], 0, lambda part, model: seen.append((part, model))
    )
    assert seen[-1] == (ALL, [0, 1, 2, 3, 4])


def test_at_most_one_model_is_fitted_in_advance():
    method, fitted = Remembering(), []
    for_each_fold(method, PICTURES, PARTS, 0, lambda *_: fitted.append(len(method.threads)))
    assert all(count <= number + 2 for number, count in enumerate(fitted))


def test_the_error_of_a_fit_is_raised():
    with pytest.raises(ValueError, match="too few pictures"):
        for_each_fold(Failing(), PICTURES, PARTS, 0, lambda *_: None)
