"""Tests that no variable, argument, function, class or module has a name that says nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

BANNED: Final = frozenset(
    ("one", "own", "found", "told", "given", "kept", "wanted", "judged", "said", "had")
)
"""Names that do not say what they hold; leading and trailing underscores make no difference."""

CHECKED: Final = (
    "inspector",
    "engines",
    "learning",
    "evaluation",
    "calibration",
    "studies",
    "tools",
    "examples",
    "benchmarks",
    "tests",
    "run_inspector.py",
)

NOT_YET: Final[set[str]] = set()
"""Folders and files that are not checked yet, relative to the root."""

KEYS_OF_FILES: Final = {
    "evaluation/results.py": {"found"},  # metrics.json
}
"""Module -> fields that keep a banned name, because they are keys of a result file."""


def banned_names(text: str) -> list[tuple[int, str]]:
    """Line and name of everything in the text of a module that defines a banned name."""
    nodes = ast.walk(ast.parse(text))
    return sorted((line, name) for node in nodes for line, name in _names(node) if _is_banned(name))


def _names(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that the node defines."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield node.lineno, name
        case ast.arg(arg=name):
            yield node.lineno, name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield node.lineno, name
        case ast.alias(asname=str(name)):
            yield node.lineno, name
        case ast.ExceptHandler(name=str(name)):
            yield node.lineno, name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield node.lineno, name
        case ast.MatchMapping(rest=str(name)):
            yield node.lineno, name


def _is_banned(name: str) -> bool:
    return name.strip("_") in BANNED


def _files() -> list[Path]:
    paths = [ROOT / name for name in CHECKED]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    return sorted(file for file in files if not _is_skipped(file.relative_to(ROOT)))


def _is_skipped(file: Path) -> bool:
    return any(str(place) in NOT_YET for place in (file, *file.parents))


def test_every_name_says_what_it_means() -> None:
    files = _files()
    assert len(files) > 30
    places = []
    for file in files:
        path = file.relative_to(ROOT)
        parts = (part.removesuffix(".py") for part in path.parts)
        places += [f"{path}: module {part}" for part in parts if _is_banned(part)]
        text = file.read_text(encoding="utf-8")
        allowed = KEYS_OF_FILES.get(str(path), ())
        names = [(line, name) for line, name in banned_names(text) if name not in allowed]
        places += [f"{path}:{line}: {name}" for line, name in names]
    assert places == [], "give these names that say what they hold:\n" + "\n".join(places)


def test_folders_that_are_not_checked_yet_exist() -> None:
    assert [place for place in NOT_YET if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    "text",
    [
        "found = 1",
        "a, (one, b) = 1, (2, 3)",
        "for one in x: pass",
        "[one for one in x]",
        "with x as told: pass",
        "def f(given): pass",
        "def f(*, _own=1): pass",
        "lambda kept: 1",
        "def _told(): pass",
        "class had: pass",
        "class A:\n    wanted: int",
        "self.judged = 1",
        "import numpy as said",
        "if (found := x): pass",
        "try: pass\nexcept E as told: pass",
        "match x:\n    case [*found]: pass",
    ],
)
def test_a_banned_name_is_found_wherever_it_is_defined(text: str) -> None:
    assert len(banned_names(text)) >= 1


@pytest.mark.parametrize("text", ["x = row.found", "f(found=1)", "'told'", "one_hot = founded = 1"])
def test_a_name_that_is_only_used_or_only_similar_is_allowed(text: str) -> None:
    assert banned_names(text) == []
