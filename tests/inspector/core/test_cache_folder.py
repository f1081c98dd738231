"""Tests of the cache folder: the operating system decides where it is."""

import sys
from pathlib import Path

import pytest

from inspector.core.cache import cache_folder
from inspector.core.errors import ConfigError

HOME = Path("/home/operator")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: HOME)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)


@pytest.mark.parametrize(
    ("platform", "usual"),
    [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")],
)
def test_the_default_folder_without_an_environment_variable(
    monkeypatch: pytest.MonkeyPatch, platform: str, usual: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == HOME / usual / "line-inspector"


@pytest.mark.parametrize(
    ("platform", "variable"), [("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")]
)
def test_an_environment_variable_sets_the_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, "/data/cache")
    assert cache_folder() == Path("/data/cache/line-inspector")
    monkeypatch.setenv(variable, "relative")
    assert cache_folder().is_relative_to(HOME)


def test_the_error_without_a_home_folder_names_the_key_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigError, match=r"engine\.plan_dir"):
        cache_folder()
