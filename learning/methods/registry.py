"""The table of methods: how engines of each are fitted, trained and imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from inspector.core.errors import ConfigError
from inspector.core.lazy import load_entry

if TYPE_CHECKING:
    from learning.importing import Importer
    from learning.methods.base import Method
    from learning.training import Trainer


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """Names of classes as "module:Class", imported when they are used.

    fitting: a Method (learning.methods.base), if the method is fitted from normal pictures alone.
    training: a Trainer (learning.training), if networks are trained for it. importing: an Importer
    (learning.importing), if checkpoints of other programs can be imported. int8: a Method with the
    class method `of`, if int8 engines need more than Method.in_int8.
    """

    fitting: str | None = None
    training: str | None = None
    importing: str | None = None
    int8: str | None = None


METHODS: Final[dict[str, MethodEntry]] = {
    "rad": MethodEntry(
        fitting="learning.methods.rad.method:Rad",
        importing="learning.methods.rad.importing:RadImporter",
    ),
    "patchcore": MethodEntry(
        fitting="learning.methods.patchcore.method:PatchCore",
        int8="learning.methods.patchcore.int8:Int8PatchCore",
    ),
    "padim": MethodEntry(fitting="learning.methods.padim.method:Padim"),
    "whitened": MethodEntry(fitting="learning.methods.whitened.method:Whitened"),
    "ensemble": MethodEntry(fitting="learning.methods.ensemble.method:Ensemble"),
    "winclip": MethodEntry(fitting="learning.methods.winclip.method:Winclip"),
    "winclip-seed": MethodEntry(fitting="learning.methods.winclip_seed.method:WinclipSeed"),
    "glass": MethodEntry(
        training="learning.methods.glass.train:GlassTraining",
        importing="learning.methods.glass.importing:GlassImporter",
    ),
    "autoencoder": MethodEntry(training="learning.methods.autoencoder.train:AutoencoderTraining"),
}

WAYS: Final = {"fitting": "fitted", "training": "trained", "importing": "imported"}

COMMANDS: Final = {"fitting": "fit", "training": "train", "importing": "import-checkpoint"}


def fitted_methods() -> tuple[str, ...]:
    """Names of the methods that are fitted from normal pictures."""
    return _names("fitting")


def trained_methods() -> tuple[str, ...]:
    """Names of the methods whose networks are trained."""
    return _names("training")


def imported_methods() -> tuple[str, ...]:
    """Names of the methods whose checkpoints can be imported."""
    return _names("importing")


def method_class(name: str) -> "type[Method[Any]]":
    """The class of a method that is fitted. Raises ConfigError for another name."""
    return _load(name, "fitting")


def trainer_class(name: str) -> "type[Trainer]":
    """The class that trains a method. Raises ConfigError for another name."""
    return _load(name, "training")


def importer_class(name: str) -> "type[Importer]":
    """The class that imports checkpoints of a method. Raises ConfigError for another name."""
    return _load(name, "importing")


def make_method(name: str, options: Mapping[str, Any]) -> "Method[Any]":
    """A method that is fitted, with these options. Raises ConfigError for an unknown method or
    option."""
    return method_class(name).from_options(options)


def int8_method(method: "Method[Any]", backbone: Path) -> "Method[Any]":
    """The method for an int8 engine. backbone: the float32 file."""
    entry = METHODS[method.name].int8
    if entry is None:
        return method.in_int8()
    made: Method[Any] = load_entry(entry).of(method, backbone)
    return made


def _names(way: str) -> tuple[str, ...]:
    return tuple(name for name, entry in METHODS.items() if getattr(entry, way) is not None)


def _load(name: str, way: str) -> Any:
    if name not in METHODS:
        raise ConfigError(f"method {name!r} is unknown; known: {', '.join(_names(way))}")
    entry = METHODS[name]
    target: str | None = getattr(entry, way)
    if target is None:
        other = next(key for key in WAYS if getattr(entry, key) is not None)
        raise ConfigError(
            f"method {name} is {WAYS[other]}, not {WAYS[way]}: "
            f"use `line-inspector {COMMANDS[other]}`"
        )
    return load_entry(target)
