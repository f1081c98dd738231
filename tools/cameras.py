"""Lists the cameras that --source can name: V4L2 cameras and GenICam cameras."""

import sys

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.sources.genicam.aravis import list_cameras
from inspector.sources.uri import GENICAM
from inspector.sources.v4l2 import list_devices
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("cameras"), description=__doc__)
    parser.parse_args(argv)
    lines = list_devices()
    try:
        lines += [(GENICAM + (c.serial or c.device_id), c.text) for c in list_cameras()]
    except ConfigError as exc:
        print(exc, file=sys.stderr)
    for source, text in lines:
        print(f"{source:30} {text}")
    if not lines:
        print("no camera answers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
