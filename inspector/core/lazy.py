"""Imports names of modules when they are first used."""

import importlib
import sys
from collections.abc import Callable
from typing import Any


def load_entry(entry: str) -> Any:
    """The object that "module:name" means."""
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)


def lazy_exports(
    package: str, table: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes the functions __getattr__ and __dir__ of a package (PEP 562).

    package: its __name__. table: public name -> "module:name". After its first use, a name is
    stored in the package, so it is imported only once.
    """

    def get(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = load_entry(table[name])
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *table})

    return get, names
