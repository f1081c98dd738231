"""A line of two live cameras whose parts are joined, and checks of what its triggers gave."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from line_rig import LIVE, LineRig, write_line

RECIPES = {
    "good": {"verdict": {"image_threshold": 9}},  # each frame passes
    "bad": {"verdict": {"image_threshold": -1}},  # each frame fails
}


def make_rig(folder: Path, *, window_s: float = 0.08, **sections: Any) -> LineRig:
    """Begins with the recipe `good`. The line is not started. window_s: of a part."""
    recipes = folder / "recipes"
    recipes.mkdir()
    for name, values in RECIPES.items():
        (recipes / f"{name}.yaml").write_text(yaml.safe_dump(values))
    parts = {"enabled": True, "by": "trigger", "window_s": window_s, "join": True, "timeout_s": 2.0}
    values = {
        "source": {},
        "sources": [{"name": name, "source": LIVE | {"fps": 60}} for name in ("left", "right")],
        "parts": parts | {"rule": "k_of_n", "k": 2},
        "recipes": {"dir": str(recipes), "start": "good"},
    }
    return LineRig(write_line(folder, **values | sections))


def read_parts(rig: LineRig) -> list[dict[str, Any]]:
    """The lines `part` of all runs and sources."""
    runs = [run for name in ("left", "right") for run in rig.runs(name)]
    return [record for run in runs for record in run.of_type("part")]


def check_parts(lines: Iterable[dict[str, Any]], part_ids: Iterable[str]) -> Counter[str]:
    """Each part has exactly one verdict, and none has the verdict of another recipe. Returns the
    number of each verdict."""
    lines = list(lines)
    assert Counter(line["part_id"] for line in lines) == Counter(part_ids)
    wrong = {"good": "FAIL", "bad": "PASS"}
    for line in lines:
        assert line["verdict"] != wrong[line["recipe_id"]], line
        seen = [view["frames"] for view in line["views"]]
        if line["verdict"] != "ERROR":
            assert len(seen) == 2
            assert all(seen), line
        else:
            assert line["cause"] in ("incomplete", "not_seen", "missing_source", "dropped"), line
    return Counter(line["verdict"] for line in lines)
