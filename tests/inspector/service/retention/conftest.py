"""Three runs for the tests of the retention."""

import shutil
from pathlib import Path

import pytest
from evidence_runs import make_run, write_key
from retention_runs import OUTPUT, add_run


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    key = write_key(folder / "key")
    output = OUTPUT | {"dir": str(folder / "out")}
    evidence = {"key_file": str(key)}
    return make_run(folder, frames=10, evidence=evidence, output=output)


@pytest.fixture
def base(signed: Path, tmp_path: Path) -> Path:
    """Three runs that ended 3, 2 and 1 days ago, and the key beside them."""
    for days in (3, 2, 1):
        add_run(signed, tmp_path / "runs" / f"day{days}" / "run", days)
    shutil.copy(signed.parent / "key", tmp_path / "key")
    return tmp_path / "runs"
