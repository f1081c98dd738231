"""The benchmark of NVIDIA cards on a machine without one."""

import subprocess
import sys

from engines.backends.trt.driver import LIBRARY

WITHOUT_A_CARD = f"""
import sys, ctypes
sys.modules["skimage"] = None
real = ctypes.CDLL
def without_driver(name, *arguments, **options):
    if name == {LIBRARY!r}:
        raise OSError("no driver")
    return real(name, *arguments, **options)
ctypes.CDLL = without_driver
from benchmarks.card import main
raise SystemExit(main([]))
"""


def test_a_missing_card_is_reported_before_anything_else() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT_A_CARD], capture_output=True, text=True)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: this benchmark needs an NVIDIA card: ")
    assert ended.stdout == ""
