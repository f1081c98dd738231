"""Runs that the retention may remove, with pictures, originals, a video and evidence."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from evidence_runs import write_key, write_products

from inspector.app import main
from inspector.core.errors import ConfigError
from inspector.core.schema import build
from inspector.evidence.signing import load_signing_key
from inspector.outputs.folder import find_segments
from inspector.service.retention.age_clock import Moment
from inspector.service.retention.options import RetentionOptions
from inspector.service.retention.plan import Removal
from inspector.service.retention.removing import Retention

DAY = 86_400.0
NOW = 2_000_000_000.0
KINDS = ("video", "pictures", "originals")
OUTPUT = {
    "video": {"segment_minutes": 1.0},
    "originals": {"enabled": True},
    "snapshots": {"max_count": 100},
}


def add_run(signed: Path, path: Path, days: float) -> None:
    shutil.copytree(signed, path)
    os.utime(path / "inspections.jsonl", (NOW - days * DAY, NOW - days * DAY))


def run_at(base: Path, days: int) -> Path:
    return base / f"day{days}" / "run"


def retention(base: Path, options: dict[str, Any], **changes: Any) -> Retention:
    key = load_signing_key(base.parent / "key", "key")
    changes = {"key": key, "free": lambda _: 10**15} | changes
    return Retention(base, build(RetentionOptions, options, ConfigError), **changes)


def apply(base: Path, options: dict[str, Any], **changes: Any) -> list[Removal]:
    return retention(base, options, **changes).apply(Moment(NOW, 1.0))


def present(path: Path) -> dict[str, list[str]]:
    """Kind -> names of its files."""
    names = {"pictures": ("snapshots", "defects"), "originals": ("originals",)}
    found_files = {
        kind: sorted(f.name for name in folders for f in (path / name).glob("*"))
        for kind, folders in names.items()
    }
    return found_files | {"video": [f.name for f in find_segments(path)]}


def failed_originals(path: Path) -> list[str]:
    log = (path / "inspections.jsonl").read_text().splitlines()
    frames = [json.loads(line) for line in log if '"type":"verdict"' in line]
    return [f"frame_{f['frame_id']:08d}.png" for f in frames if f["verdict"] != "PASS"]


def make_sessions(tmp_path: Path) -> Path:
    """Two sessions of two sources each, which ended 9 days and 1 day ago."""
    write_products(tmp_path / "pictures", 2)
    write_key(tmp_path / "key")
    source = {"source": {"uri": str(tmp_path / "pictures")}}
    values = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(tmp_path / "runs" / "{number}"), "video": {"enabled": False}},
        "evidence": {"key_file": str(tmp_path / "key")},
        "log": {"path": None},
        "sources": [{"name": name} | source for name in ("left", "right")],
    }
    (tmp_path / "line.yaml").write_text(json.dumps(values))
    for _ in range(2):
        assert main(["--config", str(tmp_path / "line.yaml")]) == 0
    base = tmp_path / "runs"
    for number, days in (("0001", 9), ("0002", 1)):
        for log in (base / number).rglob("inspections.jsonl"):
            os.utime(log, (NOW - days * DAY, NOW - days * DAY))
    return base
