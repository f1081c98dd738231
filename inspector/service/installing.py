"""Finds what the unit of a configuration needs, and installs its file."""

import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import run_inspector
from inspector.config import Config, split_sources
from inspector.core.cache import cache_folder
from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.core.mode import OPEN
from inspector.core.schema import build
from inspector.machine.command import COMMAND, CommandOptions, check_command
from inspector.machine.state import Signal
from inspector.outputs.run_folder import base_folder
from inspector.outputs.sender import QueueOptions
from inspector.service.line_config import check_line
from inspector.service.unit import Unit

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MEMORY: Final = re.compile(r"[1-9]\d{0,14}[KMGT]?|[1-9]\d?%|100%|infinity")

_GROUPS: Final = ("video", "render")
"""Of cameras and graphics cards."""

_VERIFY_S: Final = 60.0
_VARIABLE: Final = re.compile(r"\$\{(?!file:)([^{}]+)\}")


def check_service(config: Config) -> None:
    """Raises ConfigError if a service cannot run with the configuration."""
    check_line(config)
    if config.window.show:
        raise ConfigError("window.show: a service has no display; set it to false")


def program_words(config_file: Path) -> list[str]:
    """The command that inspects with a configuration, by the interpreter that runs now."""
    script = Path(run_inspector.__file__).resolve()
    return [sys.executable, str(script), "--config", str(config_file.resolve())]


def find_stop_commands(config: Config) -> list[list[str]]:
    """The commands that set "reject", of the outputs with a command. Raises ConfigError for a
    program that does not exist.

    systemd may kill their supervisors together with the rest of a killed program.
    """
    commands = []
    for number, entry in enumerate(config.outputs):
        if entry.get("kind") == COMMAND:
            key = f"outputs[{number}]"
            command = build(CommandOptions, entry, ConfigError, key).command
            check_command(command, key)
            if any("${" in word for word in command):
                raise ConfigError(f"{key}.command: a unit cannot hold a secret; call a script")
            program = shutil.which(command[0])
            commands.append([str(program), *command[1:], Signal.REJECT.value])
    return commands


def find_writable(config: Config, working_dir: Path, *, is_system: bool) -> list[Path]:
    """The folders that a run writes: results, store, log, outboxes, checkpoints and plans; for a
    line that is not locked also those of its engines, which refits and exchanges write."""
    entries = split_sources(config).values()
    places: list[str | Path | None] = [
        base_folder(config.output.dir),
        config.evidence.checkpoint_dir,
    ]
    for path in (config.store.path, config.log.path):
        places.append(None if path is None else Path(path).parent)
    for output in config.outputs:
        queue = output.get("queue")
        places.append((queue if isinstance(queue, Mapping) else {}).get("dir", QueueOptions().dir))
    places += [entry.engine.plan_dir for entry in entries]
    if config.is_line and config.mode == OPEN:
        engines = [entry.engine.path for entry in entries]
        places += [Path(path).parent for path in engines if path is not None]
    if not is_system:  # a unit of the system has a cache under /var/cache
        places.append(cache_folder())
    absolute = {Path(os.path.abspath(working_dir / place)) for place in places if place is not None}
    return sorted(path for path in absolute if not absolute & set(path.parents))


def find_readable(config: Config, working_dir: Path) -> list[Path]:
    """The other paths that the program needs: itself, engines, calibrations, recipes and a key."""
    entries = split_sources(config).values()
    paths: list[str | None] = [config.recipes.dir, config.evidence.key_file]
    for entry in entries:
        paths += [entry.engine.path, entry.engine.fallback_path, entry.calibration.path]
    programs = [Path(sys.prefix), Path(sys.base_prefix)]
    return programs + [Path(os.path.abspath(working_dir / p)) for p in paths if p is not None]


def find_variables(config: Config) -> list[str]:
    """The variables of the environment from which the configuration takes secrets."""
    return sorted(set(_VARIABLE.findall(repr(asdict(config)))))


def find_account(name: str | None) -> pwd.struct_passwd:
    """The account with this name; None for the person who types the command, also with sudo. Raises
    ConfigError if there is none, or if it would be root by accident."""
    try:
        if name is not None:
            return pwd.getpwnam(name)
        account = pwd.getpwuid(int(os.environ.get("SUDO_UID", os.getuid())))
    except (KeyError, ValueError) as exc:
        raise ConfigError(f"--run-as: there is no account {name or os.getuid()}") from exc
    if account.pw_uid == 0:
        raise ConfigError("--run-as ACCOUNT is missing: name an account that is not root")
    return account


def find_groups() -> list[str]:
    """The groups of cameras and graphics cards that this machine has."""
    known = {group.gr_name for group in grp.getgrall()}
    return [name for name in _GROUPS if name in known]


def default_place(name: str, *, is_system: bool) -> Path:
    """The file in which systemd looks for the unit."""
    if is_system:
        return Path("/etc/systemd/system") / f"{name}.service"
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(configured) if os.path.isabs(configured) else Path.home() / ".config"
    return folder / "systemd/user" / f"{name}.service"


def write_unit(place: Path, text: str, *, force: bool) -> bool:
    """Writes the file, unless it has this content already. Returns whether it was written.

    Raises ConfigError if another file is there and force is False, or if it cannot be written.
    """
    try:
        present = place.read_bytes() if place.exists() or place.is_symlink() else None
    except OSError as exc:
        raise ConfigError(f"{place} cannot be read: {exc.strerror}") from exc
    if present == text.encode():
        return False
    if present is not None and not force:
        raise ConfigError(f"{place} exists and is different: give --force to replace it")
    write_whole(place, text.encode(), "the unit ", ConfigError)
    return True


def create_folders(folders: Sequence[Path], owner: pwd.struct_passwd | None) -> list[Path]:
    """Creates the folders that are missing; systemd does not start a service without them. Returns
    those. owner: None for the account of this process. Raises ConfigError."""
    created = []
    for folder in folders:
        for path in [*reversed(folder.parents), folder]:
            if path.exists():
                continue
            try:
                path.mkdir()
                if owner is not None and os.getuid() == 0:
                    os.chown(path, owner.pw_uid, owner.pw_gid)
            except OSError as exc:
                raise ConfigError(f"{path} cannot be created: {exc.strerror}") from exc
            created.append(path)
    return created


def verify_unit(place: Path, unit: Unit) -> str | None:
    """What `systemd-analyze verify` says; None if it is not installed."""
    command = shutil.which("systemd-analyze")
    if command is None:
        return None
    scope = "--system" if unit.is_system else "--user"
    argv = [command, scope, "verify", "--man=no", str(place)]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_VERIFY_S, errors="replace"
        )
    except subprocess.TimeoutExpired as exc:
        return f"{command} failed: {exc}"
    lines = done.stderr.splitlines()
    about = [line for line in lines if place.name in line]  # it also looks at other units
    return "\n".join(about or lines[-1:]) if done.returncode or about else "no complaints"


def refuse_text(label: str, pattern: re.Pattern[str], text: str, example: Any) -> None:
    """Raises ConfigError if the text does not match."""
    if not pattern.fullmatch(text):
        raise ConfigError(f"{label} cannot be {text!r:.70}; an example: {example}")
