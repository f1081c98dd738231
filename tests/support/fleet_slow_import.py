"""Jobs of a module that takes long to import, so that their workers are never ready."""

import time

time.sleep(60)


def wait_long(folder: object, number: int) -> int:
    raise AssertionError("a worker of this module does not become ready")
