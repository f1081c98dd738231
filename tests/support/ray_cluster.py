"""Starts a Ray cluster of two cores that all tests with the mark `ray` share."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

SCRIPT: Final = """
import ray
cluster = ray.init("local", num_cpus=2, include_dashboard=False)
print(cluster.address_info["gcs_address"], flush=True)
input()
"""


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """The address "auto" means this cluster until the end of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        process = _start()
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, "Ray did not start"
        patch.setenv("RAY_ADDRESS", address)
        yield
    process.communicate("\n", timeout=60)


def _start() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture(autouse=True)
def use_ray_cluster(request: pytest.FixtureRequest) -> None:
    """Starts the cluster before the first test with the mark."""
    if request.node.get_closest_marker("ray") is not None:
        request.getfixturevalue("ray_cluster")
