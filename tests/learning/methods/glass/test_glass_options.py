"""Settings of a training and their defaults."""

import dataclasses

import pytest

from inspector.core.errors import ConfigError
from learning.backbones.zoo import DEFAULT, Feature, describe, resolve
from learning.methods.glass.training.options import GlassOptions


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("epochs", 0), ("noise", 0.0), ("hard", 1.5), ("distribution", "sphere"), ("hidden", 0)],
        *[("dims", 100_000_000), ("hidden", 100_000_000), ("threads", 1_000_000)],
    ],
)
def test_a_setting_that_makes_no_sense_is_named(key, value):
    with pytest.raises(ConfigError, match=key):
        GlassOptions(**{key: value})


def test_sizes_and_rates_follow_the_backbone_by_default():
    info, layers = describe(resolve(DEFAULT)), ("stride8", "stride16")
    published = dataclasses.replace(
        info,
        name="wide_resnet50_2",
        outputs=(Feature("layer2", 512, 8), Feature("layer3", 1024, 16)),
    )
    default = GlassOptions()
    assert default.sizes(info, layers) == (152, 101)
    assert default.sizes(published, ("layer2", "layer3")) == (1536, 1024)
    assert default.target_norm(published) is None
    assert default.rate(published) == 1e-4
    options = GlassOptions(dims=64, hidden=32, patch_norm=0, learning_rate=0.01)
    assert options.sizes(info, layers) == (64, 32)
    assert options.target_norm(info) is None
    assert options.rate(published) == 0.01
