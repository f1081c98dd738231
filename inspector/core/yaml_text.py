"""Reads YAML that people write. Refuses keys that are written twice and aliases that explode."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from inspector.core.files import read_small

MOST_NODES: Final = 100_000
"""Values of a file after all aliases are replaced by what they stand for."""


def read_yaml(path: Path) -> Any:
    """Reads a small file. Raises OSError, or ValueError with the reason as a sentence."""
    try:
        text = read_small(path)
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ValueError(f"it is not text: line {line} is not UTF-8; save it as UTF-8") from exc
    return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """Converts a text to plain values. Raises ValueError with the reason as a sentence."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node, {}, set())
        return loader.construct_document(node)
    except yaml.YAMLError as exc:
        raise ValueError(f"it is not YAML: {_describe(exc)}") from exc
    except RecursionError as exc:
        raise ValueError("it is not YAML that can be read: it is nested too deeply") from exc


def _describe(exc: yaml.YAMLError) -> str:
    """The full text would show lines of the file, and with them passwords."""
    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark is not None:
        mark = exc.problem_mark
        problem = _plain_problem(exc)
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    return " ".join(str(exc).split())


def _plain_problem(exc: yaml.MarkedYAMLError) -> str:
    """Some problems of the library name a word of the file, which can be a password."""
    problem = str(exc.problem)
    if "'\\t'" in problem:
        return "write spaces instead of the tab"
    if "alias" in problem or "anchor" in problem:
        return "the name after * or & is not known or not new; text that begins so needs quotes"
    if "tag" in problem:
        return "text that begins with ! needs quotes"
    return problem


def _check_node(node: yaml.Node, counts: dict[yaml.Node, int], parents: set[yaml.Node]) -> int:
    """Returns the number of values of a node. counts: of the nodes that were checked before."""
    if node in counts:
        return counts[node]
    if node in parents:
        raise ValueError(f"line {_line(node)}: an alias holds itself")
    parents.add(node)
    count = 1 + sum(_check_node(child, counts, parents) for child in _children(node))
    parents.remove(node)
    if count > MOST_NODES:
        raise ValueError(f"line {_line(node)}: there are more than {MOST_NODES} values")
    counts[node] = count
    return count


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise ValueError(
                        f"line {_line(key)}: the key {key.value[:60]} is written twice"
                    )
                keys.add(key.value)
            yield key
            yield value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
