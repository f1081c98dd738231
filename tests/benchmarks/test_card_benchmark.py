"""benchmarks.card where there is nothing to time."""

import subprocess
import sys

from engines.backends.trt.driver import LIBRARY

WITHOUT_A_CARD = f"""
import sys, ctypes
sys.modules["skimage"] = None
real = ctypes.CDLL
def without_driver(name, *more, **named):
    if name == {LIBRARY!r}:
        raise OSError("no driver")
    return real(name, *more, **named)
ctypes.CDLL = without_driver
from benchmarks.card import main
raise SystemExit(main([]))
"""


def test_it_says_at_once_that_there_is_no_card_even_without_the_pictures_it_would_fit_on() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT_A_CARD], capture_output=True, text=True)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: there is no NVIDIA card to time here: ")
    assert ended.stdout == ""
