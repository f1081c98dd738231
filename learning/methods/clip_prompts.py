"""The prompts of the methods with a CLIP: states of a product, and sentences about its picture.

Jeong et al., "WinCLIP: Zero-/Few-Shot Anomaly Classification and Segmentation" (CVPR 2023),
section 4.1 and its supplement. Two published implementations use 21 templates and end each sentence
with a full stop; the paper's list has 22 templates.
"""

from typing import Final

from inspector.core.errors import ConfigError

NORMAL_STATES: Final = (
    "{}",
    "flawless {}",
    "perfect {}",
    "unblemished {}",
    "{} without flaw",
    "{} without defect",
    "{} without damage",
)
ANOMALOUS_STATES: Final = ("damaged {}", "{} with flaw", "{} with defect", "{} with damage")

_TAILS: Final = ("", " for visual inspection", " for anomaly detection")
_BOTH_ARTICLES: Final = tuple(
    f"a {kind}photo of {article} {size}{{}}{tail}"
    for kind, size, tail in (
        ("close-up ", "", ""),
        ("bright ", "", ""),
        ("dark ", "", ""),
        ("blurry ", "", ""),
        ("", "small ", ""),
        ("", "large ", ""),
        *(("", "", tail) for tail in _TAILS),
    )
    for article in ("a", "the")
)
_CROPPED: Final = "a cropped photo of {} {{}}"
_JPEG: Final = "a jpeg corrupted photo of {} {{}}"

TEMPLATES: Final = {
    21: tuple(
        f"{template}."
        for template in (
            _CROPPED.format("the"),
            *(_JPEG.format("the"),) * 2,  # twice in both implementations
            *_BOTH_ARTICLES,
        )
    ),
    22: (
        *(_CROPPED.format(article) for article in ("the", "a")),
        *(_JPEG.format(article) for article in ("the", "a")),
        *_BOTH_ARTICLES,
    ),
}
"""Number of templates -> the templates."""


MOST_LETTERS: Final = 200


def product_name(text: str) -> str:
    """Raises ConfigError for a text that cannot stand in a prompt."""
    if not text.strip() or len(text) > MOST_LETTERS or set(text) & set("{}"):
        raise ConfigError(
            f"class_name must have 1 to {MOST_LETTERS} letters and no braces, not {text!r}"
        )
    return text


def parse_templates(text: str) -> int:
    """Raises ConfigError for a number without a list of templates."""
    if text not in map(str, TEMPLATES):
        raise ConfigError(f"templates must be {' or '.join(map(str, TEMPLATES))}, not {text!r}")
    return int(text)


def make_prompts(class_name: str, states: tuple[str, ...], templates: int) -> list[str]:
    """All templates with all states of the product."""
    return [
        template.format(state.format(class_name))
        for state in states
        for template in TEMPLATES[templates]
    ]
