"""Writes the text of a systemd unit that runs the inspection."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError

WATCHDOG_S: Final = 30
START_S: Final = 300
"""Time to load the program and to build its sources. Then it asks for more time while it opens its
engines (inspector.service.notify)."""
STOP_S: Final = 90
"""Time to inspect the last frames and to complete the results. A stage that hangs ends after 10 s;
a report asks for more time."""
RESTART_S: Final = 5
"""Pause before each restart. Restarts go on for ever, because the line must not stay dark."""
NO_RESTART: Final = (5, 6)
"""Exit codes that only a person can change: the calibration is for another frame size, or the
engine computes wrong values. Code 2 is not here: it also means that a camera or a network folder is
not there yet, for example after a power cut."""

_DEVICES: Final = ("char-video4linux", "char-media", "char-drm", "char-nvidia*")
"""Cameras and graphics cards, by their names in /proc/devices."""

_HARDENING: Final = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictNamespaces=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "UMask=0027",
)
"""MemoryDenyWriteExecute is missing, because runtimes such as OpenVINO and TensorRT compile code
while they run."""

_SYSTEM_HARDENING: Final = (
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "RemoveIPC=yes",
    "KeyringMode=private",
    "DevicePolicy=closed",
    *(f"DeviceAllow={device} rw" for device in _DEVICES),
)
"""A service manager of a user cannot do these without namespaces of users, which many systems
switch off."""

_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What the unit runs. All paths are absolute.

    command: program and arguments. writable: folders that the program writes; only a unit of the
    system is limited to them. readable: other paths that it needs. account, groups: of the process;
    None and empty for a unit of a user. memory_max: as systemd reads it, such as 4G or 80%.
    stop_commands: programs and arguments that run whenever the process has ended.
    """

    name: str
    command: Sequence[str]
    working_dir: Path
    writable: Sequence[Path]
    readable: Sequence[Path] = ()
    account: str | None = None
    groups: Sequence[str] = ()
    memory_max: str = "80%"
    environment_file: Path | None = None
    stop_commands: Sequence[Sequence[str]] = ()

    @property
    def is_system(self) -> bool:
        return self.account is not None

    @property
    def is_temporary(self) -> bool:
        """Whether a path is in a folder for temporary files."""
        return any(path.is_relative_to(folder) for path in self._paths() for folder in _TEMPORARY)

    def text(self) -> str:
        """The content of the file. Raises ConfigError for a path that no unit can hold."""
        target = "multi-user.target" if self.is_system else "default.target"
        network = ("Wants=network-online.target", "After=network-online.target")
        lines = [
            "[Unit]",
            f"Description=Line Inspector ({self.name})",
            *(network if self.is_system else ()),
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            *self._process(),
            "",
            *_HARDENING,
            *(self._system_hardening() if self.is_system else ()),
            "",
            "[Install]",
            f"WantedBy={target}",
        ]
        return "\n".join(lines) + "\n"

    def _process(self) -> list[str]:
        environment = self.environment_file
        return [
            "Type=notify",
            "NotifyAccess=main",
            *(f"{key}={value}" for key, value in self._account()),
            f"WorkingDirectory={plain_path(self.working_dir)}",
            "Environment=PYTHONFAULTHANDLER=1",
            *([] if environment is None else [f"EnvironmentFile={plain_path(environment)}"]),
            f"ExecStart={_command_line(self.command)}",
            # The minus: a command that fails does not make the unit fail.
            *(f"ExecStopPost=-{_command_line(command)}" for command in self.stop_commands),
            "ExecReload=/bin/kill -HUP $MAINPID",
            f"WatchdogSec={WATCHDOG_S}",
            f"TimeoutStartSec={START_S}",
            f"TimeoutStopSec={STOP_S}",
            "KillMode=mixed",
            "KillSignal=SIGTERM",
            "Restart=always",
            f"RestartSec={RESTART_S}",
            f"RestartPreventExitStatus={' '.join(map(str, NO_RESTART))}",
            f"MemoryMax={self.memory_max}",
            "LimitCORE=0",
        ]

    def _account(self) -> list[tuple[str, str]]:
        if self.account is None:
            return []
        groups = [("SupplementaryGroups", " ".join(self.groups))] if self.groups else []
        cache = f"/var/cache/{self.name}"
        return [
            ("User", self.account),
            *groups,
            ("CacheDirectory", self.name),
            ("Environment", f"XDG_CACHE_HOME={cache}"),
        ]

    def _system_hardening(self) -> list[str]:
        places = " ".join(quote_word(str(path)) for path in self.writable)
        in_home = any(path.is_relative_to(home) for path in self._paths() for home in _HOMES)
        return [
            *_SYSTEM_HARDENING,
            *([] if self.is_temporary else ["PrivateTmp=yes"]),
            f"ProtectHome={'read-only' if in_home else 'yes'}",
            f"ReadWritePaths={places}",
        ]

    def _paths(self) -> list[Path]:
        words = [Path(word) for word in self.command if word.startswith("/")]
        return [self.working_dir, *self.writable, *self.readable, *words]


def _command_line(command: Sequence[str]) -> str:
    program, *arguments = command
    words = [quote_word(argument).replace("$", "$$") for argument in arguments]
    return " ".join([_executable(program), *words])


def _executable(path: str) -> str:
    if set("\"'\\") & set(path):
        raise ConfigError(f"{path}: systemd starts no program whose path has quotes or backslashes")
    return quote_word(path)


def quote_word(text: str) -> str:
    """A word of a list in a unit. Raises ConfigError for a control character."""
    _refuse_control(text)
    text = text.replace("%", "%%")
    if text and not set(" \"'\\;#") & set(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain_path(path: Path) -> str:
    """A path where a unit allows no quotes. Raises ConfigError for a path that it cannot hold."""
    text = str(path)
    _refuse_control(text)
    if text != text.rstrip(" \\"):
        raise ConfigError(f"{text!r} cannot be written in a unit, because of its last character")
    return text.replace("%", "%%")


def _refuse_control(text: str) -> None:
    if not text.isprintable():
        raise ConfigError(f"{text!r} cannot be written in a unit: it has a control character")
