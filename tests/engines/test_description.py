"""Values as text for people."""

import pytest

from engines.description import describe_backbone


@pytest.mark.parametrize(
    ("name", "layers", "text"),
    [
        (
            "efficientnet_lite0",
            ("stride8", "stride16"),
            "efficientnet_lite0, layers stride8, stride16",
        ),
        ("", ("grey",), "none, layers grey"),
        ("", (), "none, no layers"),
    ],
)
def test_a_method_without_a_backbone_has_none(name, layers, text):
    assert describe_backbone(name, layers) == text
