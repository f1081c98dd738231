"""Tests that the links in the documentation lead to files, and that its commands exist."""

import re
from pathlib import Path

import pytest

from tools.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FOLDERS = (
    "inspector|engines|learning|evaluation|calibration|studies|tools|tests|benchmarks|examples"
)
SOURCE = re.compile(rf"`((?:{FOLDERS})/[\w/.-]+\.\w+)`")
COMMAND = re.compile(r"\bline-inspector ([a-z][a-z-]*)")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_source_files_exist(path: Path) -> None:
    """NAME stands for a file that the reader is to write."""
    mentioned = SOURCE.findall(path.read_text(encoding="utf-8"))
    files = [name for name in mentioned if "NAME" not in name]
    assert [name for name in files if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    typed = COMMAND.findall(path.read_text(encoding="utf-8"))
    assert [name for name in typed if name not in COMMANDS] == []
