"""HTML and SVG text in which whatever is not markup is escaped."""

import base64
from typing import Final

_ESCAPES: Final = {ord(c): f"&#{ord(c)};" for c in "<>&\"'"}
_EMPTY: Final = ("meta", "img", "br", "line", "circle", "polyline")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | None
"""Markup is taken as it is, other text is escaped, None is left out."""


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """An element. class_ stands for class, _ in other names for -; None leaves an attribute out."""
    named = "".join(
        f' {_name(key)}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _EMPTY:
        return Markup(f"<{tag}{named}/>")
    return Markup(f"<{tag}{named}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Markup:
    return Markup("".join(escaped(child) for child in children if child is not None))


def escaped(text: str) -> Markup:
    """Characters that do not print, such as line breaks, halves of surrogate pairs from file names
    that are not UTF-8 and marks that turn the direction of reading, are shown as \\x0a."""
    if isinstance(text, Markup):
        return text
    shown = "".join(c if c.isprintable() else _spelled(c) for c in text)
    return Markup(shown.translate(_ESCAPES))


def data_uri(kind: str, content: bytes) -> str:
    """kind: media type, such as image/jpeg."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
