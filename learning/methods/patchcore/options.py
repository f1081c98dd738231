"""Parses and checks the options of PatchCore."""

from collections.abc import Mapping
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.methods.base import precision_name
from learning.methods.coreset import share_of_rows
from learning.options import make_choice_parser

VARIANTS: Final = ("paper", "official")
UPSAMPLINGS: Final = ("bilinear", "nearest")
PCA, RANDOM = "pca", "random"
REDUCTIONS: Final = ("none", PCA, RANDOM)


variant_name: Final = make_choice_parser("variant", VARIANTS)
upsampling_name: Final = make_choice_parser("upsampling", UPSAMPLINGS)
reduction_name: Final = make_choice_parser("reduction", REDUCTIONS)


def check_settings(settings: Mapping[str, Any]) -> None:
    """settings: name of each option -> value. Raises ConfigError for a wrong value, and for options
    that exclude each other."""
    precision_name(settings["precision"])
    variant_name(settings["variant"])
    upsampling_name(settings["upsampling"])
    reduction_name(settings["reduction"])
    share_of_rows(str(settings["coreset"]))
    for key, lowest in (("neighbours", 1), ("dims", 1), ("score_patches", 1), ("most_rows", 0)):
        if settings[key] is not None and settings[key] < lowest:
            raise ConfigError(f"{key} must be at least {lowest}, not {settings[key]}")
    reweighted = (settings["neighbours"] or 1) > 1
    if settings["score_patches"] is not None and reweighted:
        raise ConfigError("a mean of several patches is not reweighted: leave out neighbours")
    reduced = settings["reduction"] != "none"
    if settings["variant"] == "official":
        if reweighted:
            raise ConfigError("variant official does not reweight its score: leave out neighbours")
        if reduced:
            raise ConfigError("variant official pools its patches: leave out reduction")
    elif reduced != (settings["dims"] is not None):
        raise ConfigError(
            "variant paper keeps every channel without a reduction: give both dims and reduction, "
            "or neither"
        )
