"""The variants of PatchCore that show what its memory, its layers, its score and the length of its
features are worth."""

from typing import Final

BASE: Final = "patchcore"

VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "coreset": (
        "coreset=0.01:most_rows=0",
        "coreset=0.05:most_rows=0",
        "coreset=0.1:most_rows=0",
    ),
    "layers": ("layers=stride8", "layers=stride16"),
    "score": ("score_patches=1", "score_patches=5", "score_patches=20"),
    "length of features": (
        "reduction=pca:dims=64",
        "reduction=pca:dims=16",
        "reduction=random:dims=64",
        "reduction=random:dims=16",
    ),
}
"""What is varied -> options of PatchCore, see studies.shift.method_names."""


def ablation_methods() -> tuple[str, ...]:
    """PatchCore with its default options, then each variant."""
    variants = (f"{BASE}:{options}" for group in VARIANTS.values() for options in group)
    return (BASE, *variants)


def varied(method: str) -> str | None:
    """What a method of ablation_methods varies; None for other methods."""
    for name, group in VARIANTS.items():
        if method.removeprefix(f"{BASE}:") in group:
            return name
    return None
