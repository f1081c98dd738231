"""Parses the options of WinCLIP on the command line."""

from typing import Final

from learning.options import make_choice_parser

FUSIONS: Final = ("mean", "sum")
EXACT: Final = "exact"
POOLED: Final = "pooled"

fusion_name: Final = make_choice_parser("fusion", FUSIONS)

window_kind: Final = make_choice_parser("windows", (EXACT, POOLED))
