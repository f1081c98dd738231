"""Writing a file whole or not at all."""

import contextlib
import os
from pathlib import Path

from inspector.core.errors import InspectorError, SinkError


def write_whole(
    path: Path, content: bytes, what: str = "", error: type[InspectorError] = SinkError
) -> None:
    """Writes beside and moves into place, so that readers and power cuts see the old file or the
    new one; makes the folder. what: put before the path in a message, as in "split ".

    Raises `error` where the disk fails.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise error(f"{what}{path} cannot be written: {exc.strerror or exc}") from exc
