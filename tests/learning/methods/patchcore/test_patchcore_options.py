"""Tests of the options of PatchCore."""

import pytest

from inspector.core.errors import ConfigError
from learning.methods.patchcore.method import PatchCore
from learning.options import option_fields


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "best"}, "variant must be one of paper, official, not 'best'"),
        ({"upsampling": "cubic"}, "upsampling must be one of bilinear, nearest, not 'cubic'"),
        ({"coreset": 1.5}, "coreset must lie within 0 and 1, not 1.5"),
        ({"coreset": float("nan")}, "coreset must lie within 0 and 1, not nan"),
        ({"neighbours": 0}, "neighbours must be at least 1"),
        ({"dims": 0, "variant": "official"}, "dims must be at least 1"),
        ({"dims": 64}, "variant paper keeps every channel"),
        ({"reduction": "pca"}, "give both dims and reduction, or neither"),
        ({"reduction": "pca", "dims": 9, "variant": "official"}, "leave out reduction"),
        ({"reduction": "lda"}, "reduction must be one of none, pca, random"),
        ({"score_patches": 0}, "score_patches must be at least 1"),
        ({"score_patches": 5, "neighbours": 9}, "several patches is not reweighted"),
        ({"neighbours": 9, "variant": "official"}, "official does not reweight"),
        ({"most_rows": -1}, "most_rows must be at least 0"),
        ({"precision": "int8"}, "precision must be one of float32, float16"),
        ({"radius": 1}, "method patchcore has no option radius"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PatchCore.from_options(options)


@pytest.mark.parametrize(
    ("name", "text"), [("coreset", "many"), ("neighbours", "-3"), ("variant", "x")]
)
def test_texts_of_the_command_line_are_refused_where_they_cannot_be_read(name, text):
    field = next(field for field in option_fields(PatchCore) if field.name == name)
    with pytest.raises(ConfigError, match=text):
        field.metadata["parse"](text)
