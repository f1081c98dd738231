"""Removes the oldest results of ended runs, as the section `retention` of a configuration says."""

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.config import DEFAULT_FILE, load_config, parse_setting
from inspector.core.errors import ConfigError
from inspector.evidence.signing import load_signing_key
from inspector.outputs.run_folder import base_folder, is_pattern
from inspector.service.line_store import store_path
from inspector.service.retention.age_clock import Moment
from inspector.service.retention.removing import Answered, Retention
from inspector.store.database import Store
from inspector.store.feedback import find_answered
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("clean"), description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="set a key of the configuration, such as retention.video.days=30",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    arguments = parser.parse_args(argv)
    config = load_config(arguments.config, dict(map(parse_setting, arguments.set)))
    pattern, path = config.output.dir, config.evidence.key_file
    if not config.retention.enabled:
        raise ConfigError("retention: no limit is set; see docs/retention.md")
    if not is_pattern(pattern):
        raise ConfigError(f"output.dir must be a pattern such as runs/{{run_id}}, not {pattern!r}")
    base = base_folder(pattern)
    if not base.is_dir():
        raise ConfigError(f"output.dir: {base} is not a folder")
    key = None if path is None else load_signing_key(Path(path), "evidence.key_file")
    answered: Callable[[], Answered] = dict
    with contextlib.ExitStack() as stack:
        if store_path(config).exists():
            store = stack.enter_context(
                contextlib.closing(Store(store_path(config), read_only=True))
            )
            answered = partial(find_answered, store)
        # A person who cleans by hand sees the time and the list.
        retention = Retention(base, config.retention, key, most_gap_s=None, find_answered=answered)
        choose = retention.plan if arguments.dry_run else retention.apply
        removals = choose(Moment.now())
    for removal in removals:
        print(removal)
    total_mb = sum(removal.bytes for removal in removals) / 1e6
    print(f"{'would remove' if arguments.dry_run else 'removed'}: {total_mb:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
