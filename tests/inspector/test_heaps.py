"""Tests how many heaps the threads of a run use."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import ctypes, threading
from inspector.core.memory import share_heaps

if {share}:
    share_heaps()
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
barrier, heaps = threading.Barrier(8), set()


def take():
    barrier.wait()
    # A heap of a thread begins at a multiple of 64 MB.
    heaps.add(malloc(1000) >> 26)
    barrier.wait()


threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(heaps))
"""


def count_heaps(share: bool) -> int:
    command = [sys.executable, "-c", SCRIPT.format(share=share)]
    # These variables also limit the heaps.
    hidden = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of threads are glibc's")
def test_threads_share_few_heaps() -> None:
    assert count_heaps(share=True) <= 3
    assert count_heaps(share=False) > 4


HOLE = """
import ctypes
from inspector.core.memory import return_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
libc.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)


def resident_pages():
    return int(open("/proc/self/statm").read().split()[1])


blocks = [libc.malloc(4000) for _ in range(10_000)]
for block in blocks:
    libc.memset(block, 1, 4000)
for block in blocks[:-1]:  # the last one keeps the heap from shrinking by itself
    libc.free(block)
before = resident_pages()
return_memory()
print(before - resident_pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the function")
def test_unused_memory_is_returned_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 9000
