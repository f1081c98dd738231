"""Reads the methods of a study, which can have options, such as patchcore:coreset=0.01."""

from collections.abc import Iterable
from typing import Any

from inspector.core.errors import ConfigError
from learning.methods.base import Method
from learning.methods.registry import make_method, method_class
from learning.options import check_option_names, parse_options


def make_configured(text: str) -> Method[Any]:
    """text: the name of a method, then ":option=value" for each option. In a value, + stands for a
    comma. Raises ConfigError for an unknown method or option, or a wrong value."""
    name, *parts = text.split(":")
    values = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(
                f"method {text!r}: {part!r} must be option=value, such as coreset=0.1"
            )
        values[option] = value.replace("+", ",")
    owner = method_class(name)
    check_option_names(owner, values, f"method {name}")
    return make_method(name, parse_options(owner, values))


def base_name(text: str) -> str:
    """The name of a method without its options."""
    return text.split(":", 1)[0]


def without_variants(methods: Iterable[str]) -> tuple[str, ...]:
    """Each method once, without methods with options whose method without options is there."""
    names = dict.fromkeys(methods)
    return tuple(m for m in names if base_name(m) == m or base_name(m) not in names)


def folder_name(text: str) -> str:
    """The name of a folder for the results of a method, also on systems that allow no colon."""
    return text.replace(":", "-")
