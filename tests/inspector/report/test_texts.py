"""Tests that every text of a report is there in every language, and that every text is used."""

import re
from pathlib import Path

import pytest

from inspector.report.options import LANGUAGES
from inspector.report.texts import Texts, all_texts

SOURCES = sorted(Path(__file__).parents[3].glob("inspector/report/*.py"))
NAMES = re.compile(r"\{(\w+)\}")
BUILT = re.compile(
    r"(col|gloss|cause|severity|rule|source|decision|limit|tile|verdict|quantity|picture|sign"
    r"|gallery|counted|unit|status)_"
)
"""Keys that the code builds from a value of the log."""


@pytest.mark.parametrize("key", all_texts())
def test_a_text_is_there_in_every_language_with_the_same_values(key: str):
    texts = all_texts()[key]
    assert tuple(texts) == LANGUAGES
    assert all(texts.values())
    assert len({tuple(sorted(NAMES.findall(text))) for text in texts.values()}) == 1


def test_every_column_is_in_the_glossary():
    keys = {key.removeprefix("col_") for key in all_texts() if key.startswith("col_")}
    assert [key for key in sorted(keys) if f"gloss_{key}" not in all_texts()] == []
    for language in LANGUAGES:
        for key in keys:
            assert ": " in Texts(language)(f"gloss_{key}")


def test_every_text_is_used():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    direct = [key for key in all_texts() if not BUILT.match(key)]
    assert [key for key in direct if not re.search(rf"[\"']{key}[\"']", code)] == []


def test_an_unknown_value_of_the_log_stays_as_it_is():
    assert Texts("de").word("cause", "a_new_cause") == "a_new_cause"
    with pytest.raises(KeyError):
        Texts("de")("no_such_key")
