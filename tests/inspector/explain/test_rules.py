"""Tests of the table of rules on figures, and of the words of explanations."""

import re
from string import Formatter

import pytest

from inspector.core.explanation import COLOURS, CONFIDENCES, KINDS, PLACES, SHAPES
from inspector.core.types import Severity
from inspector.explain.rules import RULES, decide_kind, meets
from inspector.explain.wording import all_words, name_value, write_sentence, write_summary
from inspector.report.options import LANGUAGES

SPOT = {
    "thickness_share": 0.45,
    "bend_share": 0.2,
    "aspect_ratio": 0.9,
    "roundness": 0.95,
    "length_u_share": 0.05,
    "signal": 20.0,
    "contrast": -0.3,
    "colour_share": 0.1,
    "bright_share": 0.0,
    "dark_share": 1.0,
    "texture_share": 0.9,
    "edge_px": 1.4,
    "edge_share": 0.03,
}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "spot"),
        ({"contrast": -0.6}, "spot"),
        ({"contrast": -0.61}, "hole"),
        ({"edge_px": 3.0, "edge_share": 0.06}, "stain"),
        ({"edge_px": 2.9, "edge_share": 0.3}, "spot"),
        ({"colour_share": 0.93}, "discolouration"),
        ({"colour_share": 0.93, "texture_share": 0.64}, "contamination"),
        ({"colour_share": 0.92}, "contamination"),
        ({"colour_share": 0.92, "signal": 1.9}, "spot"),
        ({"bright_share": 0.06}, "dent"),
        ({"thickness_share": 0.149, "bend_share": 0.016}, "scratch"),
        ({"thickness_share": 0.149, "bend_share": 0.017}, "crack"),
        ({"thickness_share": 0.149, "colour_share": 0.5}, "contamination"),
    ],
)
def test_each_limit_decides(changes: dict[str, float], kind: str) -> None:
    assert decide_kind(SPOT | changes, on_frame=True, truncated=False)[0] == kind


def test_the_reasons_prove_the_kind() -> None:
    """Every reason is true, and all conditions of the rule are among them."""
    kind, confidence, reasons = decide_kind(SPOT, on_frame=True, truncated=False)
    assert (kind, confidence) == ("spot", "high")
    figures = {reason.figure for reason in reasons}
    assert {"thickness_share", "edge_px", "contrast", "colour_share"} <= figures
    for reason in reasons:
        assert meets(SPOT, (reason.figure, reason.side, reason.limit))
        assert reason.value == SPOT[reason.figure]


@pytest.mark.parametrize(
    ("changes", "on_frame", "truncated", "confidence"),
    [
        ({}, True, False, "high"),
        ({}, True, True, "medium"),
        ({}, False, False, "low"),
        ({"contrast": -0.55}, True, False, "medium"),
        ({"signal": 3.0}, True, False, "medium"),
        ({"signal": 1.0}, True, False, "low"),
        ({"length_u_share": 0.6}, True, False, "low"),
    ],
)
def test_the_confidence_falls_with_each_doubt(
    changes: dict[str, float], on_frame: bool, truncated: bool, confidence: str
) -> None:
    assert decide_kind(SPOT | changes, on_frame=on_frame, truncated=truncated)[1] == confidence


def test_without_figures_of_the_look_the_kind_is_not_invented() -> None:
    figures = {name: SPOT[name] for name in ("thickness_share", "bend_share", "aspect_ratio")}
    assert decide_kind(figures, on_frame=False, truncated=False)[:2] == ("unclear", "low")


def test_every_kind_has_a_rule() -> None:
    assert {rule.kind for rule in RULES} == set(KINDS)


def test_every_value_has_a_word_in_every_language_with_the_same_values() -> None:
    values = {
        "kind": KINDS,
        "place": PLACES,
        "shape": SHAPES,
        "colour": COLOURS,
        "level": (*CONFIDENCES, *Severity),
    }
    for prefix, names in values.items():
        for name in names:
            assert f"{prefix}_{name.replace(' ', '_')}" in all_words()
    for texts in all_words().values():
        assert set(texts) == set(LANGUAGES)
        fields = [
            {field for _, field, _, _ in Formatter().parse(t) if field} for t in texts.values()
        ]
        assert all(names == fields[0] for names in fields)


EXPLANATION = {
    "kind": "scratch",
    "place": "top left",
    "shape": "straight line",
    "colour": "bluish",
    "confidence": "high",
    "figures": {"contrast": -0.24},
}
DEFECT = {
    "severity": "high",
    "length_mm": 12.13,
    "length_expanded_u_mm": 0.4,
    "width_mm": 0.31,
    "width_expanded_u_mm": 0.05,
    "truncated": False,
    "size_source": "refined",
}


def test_the_sentence_has_all_facts_in_each_language() -> None:
    assert write_sentence(EXPLANATION, DEFECT) == (
        "Scratch, top left: straight line, 12.1 +-0.4 mm long and 0.31 +-0.05 mm wide, "
        "24 % darker than its surroundings, bluish; severity high, confidence high (rules)."
    )
    german = write_sentence(EXPLANATION, DEFECT, "de")
    assert german.startswith("Kratzer, oben links: gerade Linie, 12.1 +-0.4 mm lang")
    assert "24 % dunkler" in german


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size_source": "map"}, "at most 12.1 mm long and 0.31 mm wide"),
        ({"truncated": True}, "at least 12.1 +-0.4 mm long"),
        ({"length_expanded_u_mm": None, "width_expanded_u_mm": None}, "12.1 mm long"),
    ],
)
def test_a_size_says_what_it_is(changes: dict[str, object], text: str) -> None:
    assert text in write_sentence(EXPLANATION, DEFECT | changes)


def test_a_value_of_a_later_version_stays_as_it_is() -> None:
    assert name_value("kind", "weld spatter", "de") == "weld spatter"


def test_the_summary_counts_the_kinds() -> None:
    summary = write_summary(["spot", "scratch", "spot"], 1, "S.")
    assert summary == "4 defects: 2 x spot, 1 x scratch, 1 not explained. The worst: S."
    assert write_summary([], 0, None) == "No defects."
    assert re.fullmatch(
        r"1 Fehler: 1 x Kratzer\. .*: S\.", write_summary(["scratch"], 0, "S.", "de")
    )
