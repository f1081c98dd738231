"""A model whose score is the same on all good pictures gives no engine."""

import numpy as np
import pytest
from engine_parts import parts
from example_methods import LocalContrast

from inspector.core.errors import DataError
from learning.finishing import make_engine
from learning.job import MakeOptions
from learning.scoring import refuse_constant

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0, -3.0, 1e-12])
def test_one_value_on_all_pictures_is_refused(value):
    with pytest.raises(DataError, match=r"the score is .* on all 4 good pictures, .*: look there"):
        refuse_constant("the score", np.full(4, value), PIXELS, reason="look there")


def test_different_values_are_not_refused():
    for values in ([0.0, 0.0, 0.0, 1e-9], [0.3, 0.3001, 0.3, 0.3], [-1.0, 0.0, 1.0, 2.0]):
        refuse_constant("the score", np.array(values), PIXELS, reason="")


def test_equal_pictures_are_named_as_the_reason():
    with pytest.raises(DataError, match="these pictures are the same: give different"):
        refuse_constant("the score", np.zeros(4), np.repeat(PIXELS[:1], 4, axis=0), reason="")


def test_an_imported_model_that_scores_0_everywhere_leaves_no_file(tmp_path):
    options = MakeOptions("parts", LocalContrast(), None, threads=1)
    out = tmp_path / "engine.onnx"
    with pytest.raises(DataError, match="score of method local_contrast is 0 on all 8 good"):
        make_engine({"usual": 1e9}, parts(8), options, out, lambda *_: None)
    assert list(tmp_path.iterdir()) == []
    make_engine({"usual": 0.01}, parts(8), options, out, lambda *_: None)
    assert out.is_file()
