"""Writes a systemd unit that runs the inspection for months, and says how to enable it."""

import argparse
import getpass
import sys
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.config import DEFAULT_FILE, load_config
from inspector.core.errors import ConfigError
from inspector.service.installing import (
    MEMORY,
    NAME,
    check_service,
    create_folders,
    default_place,
    find_account,
    find_groups,
    find_readable,
    find_stop_commands,
    find_variables,
    find_writable,
    program_words,
    refuse_text,
    verify_unit,
    write_unit,
)
from inspector.service.unit import NO_RESTART, RESTART_S, WATCHDOG_S, Unit
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    options = _make_parser().parse_args(argv)
    refuse_text("--name", NAME, options.name, "line-inspector")
    refuse_text("--memory-max", MEMORY, options.memory_max, "4G or 80%")
    if options.run_as is not None and options.user:
        raise ConfigError("--run-as is for a unit of the system: remove --user or --run-as")
    config_file: Path = options.config.absolute()
    working_dir: Path = options.working_dir.absolute()
    if not working_dir.is_dir():
        raise ConfigError(f"--working-dir {working_dir} is not a folder")
    config = load_config(config_file)
    check_service(config)
    account = None if options.user else find_account(options.run_as)
    extra = [(working_dir / path).absolute() for path in options.writable]
    environment: Path | None = options.environment_file
    unit = Unit(
        name=options.name,
        command=program_words(config_file),
        stop_commands=find_stop_commands(config),
        working_dir=working_dir,
        writable=[*find_writable(config, working_dir, is_system=not options.user), *extra],
        readable=[config_file, *find_readable(config, working_dir)],
        account=None if account is None else account.pw_name,
        groups=[] if account is None else find_groups(),
        memory_max=options.memory_max,
        environment_file=None if environment is None else environment.absolute(),
    )
    text = unit.text()
    if options.dry_run:
        print(text, end="")
        return 0
    place = options.output or default_place(options.name, is_system=unit.is_system)
    created = create_folders(unit.writable, account)
    changed = write_unit(place, text, force=options.force)
    print(f"{'wrote' if changed else 'unchanged:'} {place}")
    for folder in created:
        print(f"created the folder {folder}")
    for line in _describe(unit, find_variables(config), place):
        print(line)
    return 0


def _describe(unit: Unit, variables: list[str], place: Path) -> list[str]:
    places = ", ".join(map(str, unit.writable))
    codes = " or ".join(map(str, NO_RESTART))
    lines = [
        f"runs as {unit.account or getpass.getuser()} in {unit.working_dir}",
        f"writes to {places}{' and nowhere else' if unit.is_system else ''}",
        f"starts again {RESTART_S} s after each end, except after exit code {codes}; if it hangs "
        f"for {WATCHDOG_S} s, it is killed and starts again",
        f"uses at most {unit.memory_max} of memory",
    ]
    if unit.is_system and unit.is_temporary:
        lines.append("PrivateTmp is left out, because a path is in a folder for temporary files")
    if variables and unit.environment_file is None:
        names = ", ".join(variables)
        lines.append(
            f"the configuration uses {names}: give --environment-file FILE with NAME=VALUE"
        )
    checked = verify_unit(place, unit)
    lines.append(f"systemd-analyze verify: {checked or 'not installed'}")
    control = "sudo systemctl" if unit.is_system else "systemctl --user"
    journal = "journalctl" if unit.is_system else "journalctl --user"
    lines += [
        "",
        "enable and start it:",
        f"  {control} daemon-reload",
        f"  {control} enable --now {unit.name}",
    ]
    if not unit.is_system:
        lines.append(f"  loginctl enable-linger {getpass.getuser()}   # also without a login")
    return [*lines, "look at it:", f"  {control} status {unit.name}", f"  {journal} -u {unit.name}"]


def _make_parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("install-service"), description=__doc__)
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--system", action="store_true", help="a unit of the system, which starts at boot (default)"
    )
    scope.add_argument("--user", action="store_true", help="a unit of the present user")
    parser.add_argument("--name", default="line-inspector", help="default: line-inspector")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_FILE,
        metavar="FILE.yaml",
        help=f"configuration file; default: {DEFAULT_FILE}",
    )
    parser.add_argument(
        "--working-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="relative paths of the configuration start here; default: the present folder",
    )
    parser.add_argument(
        "--run-as",
        metavar="ACCOUNT",
        help="account of the process, with --system; default: the account that types this",
    )
    parser.add_argument(
        "--memory-max",
        default="80%",
        metavar="SIZE",
        help="such as 4G; default: 80%% of the memory",
    )
    parser.add_argument(
        "--writable",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a further folder that the service may write, such as that of its engines",
    )
    parser.add_argument(
        "--environment-file",
        type=Path,
        metavar="FILE",
        help="file with lines NAME=VALUE for the ${NAME} of the configuration",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the unit to this file")
    parser.add_argument("--force", action="store_true", help="replace a different unit")
    parser.add_argument("--dry-run", action="store_true", help="print the unit and write nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
