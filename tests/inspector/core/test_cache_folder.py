"""The cache is where the operating system keeps one, whatever the working directory is."""

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
def test_without_a_variable_it_is_the_usual_place(
    monkeypatch: pytest.MonkeyPatch, platform: str, usual: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == HOME / usual / "line-inspector"


@pytest.mark.parametrize(
    ("platform", "variable"), [("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")]
)
def test_a_variable_of_the_system_names_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, "/data/cache")
    assert cache_folder() == Path("/data/cache/line-inspector")
    monkeypatch.setenv(variable, "relative")
    assert cache_folder().is_relative_to(HOME)


def test_without_a_home_the_key_to_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigError, match=r"engine\.plan_dir"):
        cache_folder()
