"""Tests of methods with options."""

import pytest

from inspector.core.errors import ConfigError
from learning.methods.registry import make_method
from studies.shift.cells import CellKey
from studies.shift.method_names import make_configured, without_variants


def test_a_name_alone_has_the_default_options() -> None:
    assert make_configured("patchcore") == make_method("patchcore", {})


def test_options_are_read_as_on_the_command_line() -> None:
    method = make_configured("patchcore:coreset=0.01:most_rows=500")
    assert method == make_method("patchcore", {"coreset": 0.01, "most_rows": 500})
    layered = make_configured("padim:layers=stride8+stride16")
    assert layered == make_method("padim", {"layers": ("stride8", "stride16")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "method 'nothing' is unknown"),
        ("padim:coreset=0.1", "method padim has no option coreset"),
        ("padim:dims", "must be option=value"),
        ("padim:dims=many", "many"),
    ],
)
def test_what_no_method_has_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_configured(text)


def test_files_have_no_colon() -> None:
    keys = [CellKey("nut", f"patchcore:coreset={share}", "clean") for share in (0.01, 0.1)]
    assert ":" not in keys[0].file
    assert keys[0].file != keys[1].file


def test_variants_are_left_out_if_their_method_is_there() -> None:
    methods = ("patchcore", "patchcore:coreset=0.01", "rad:coreset=4", "patchcore")
    assert without_variants(methods) == ("patchcore", "rad:coreset=4")
