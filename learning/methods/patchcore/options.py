"""Parses the options of PatchCore on the command line."""

from typing import Final

from learning.options import make_choice_parser

VARIANTS: Final = ("paper", "official")
UPSAMPLINGS: Final = ("bilinear", "nearest")


variant_name: Final = make_choice_parser("variant", VARIANTS)
upsampling_name: Final = make_choice_parser("upsampling", UPSAMPLINGS)
