"""Tests recipes: named settings that a line changes between two frames."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from line_rig import LIVE, LineRig, write_line
from part_runs import read_rows

from calibration.scale import from_scale
from calibration.store import save_calibration
from inspector.core.errors import ConfigError
from inspector.service.recipes import list_recipes, read_recipe
from inspector.service.settings import Settings, SourceRecipe, write_settings
from tools.line import main as ask


def write_recipes(folder: Path, **recipes: dict[str, Any] | str) -> Path:
    recipe_folder = folder / "recipes"
    recipe_folder.mkdir(exist_ok=True)
    for name, content in recipes.items():
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (recipe_folder / f"{name}.yaml").write_text(text)
    return recipe_folder


LIMITS: dict[str, Any] = {
    "lid": {"verdict": {"image_threshold": 5}},
    "cup": {"verdict": {"pixel_threshold": 6}, "measure": {"unit": "inch"}},
}


def test_a_recipe_is_changed_between_two_frames_and_named_in_every_record(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS)), "start": "lid"}
    parts = {"enabled": True}
    with LineRig(write_line(tmp_path, recipes=recipes, parts=parts)) as rig:
        rig.wait_for_frames()
        assert rig.line.state().recipes == ("cup", "lid")
        assert rig.ask("recipe", name="cup").done
        rig.wait_for_frames()
        assert rig.line.state().recipe == "cup"
    first, second = rig.runs()
    assert {record["recipe_id"] for record in first.records} == {"lid"}
    assert {record["recipe_id"] for record in second.records} == {"cup"}
    assert (first.summary["image_threshold"], first.summary["pixel_threshold"]) == (5, 9)
    assert (second.summary["image_threshold"], second.summary["pixel_threshold"]) == (9, 6)
    changes = [(e["key"], e["old"], e["new"]) for e in second.of_type("config_changed")]
    assert changes == [
        ("recipe", "lid", "cup"),
        ("measure.unit", "mm", "inch"),
        ("verdict.image_threshold", 5, 9),
        ("verdict.pixel_threshold", 9, 6),
    ]
    assert {row["recipe_id"] for row in read_rows(second.folder / "parts.csv")} == {"cup"}


def test_the_last_recipe_and_its_thresholds_are_used_after_a_restart(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS))}
    config = write_line(tmp_path, recipes=recipes)
    with LineRig(config) as rig:
        assert rig.line.state().recipe is None
        assert rig.ask("recipe", name="lid").done
        assert rig.ask("thresholds", source="main", image_threshold=4).done
        assert rig.ask("recipe", name="cup").done
        assert rig.ask("recipe", name="lid").done
    with LineRig(config) as rig:
        rig.wait_for_frames(1)
        state = rig.line.state()
        assert (state.recipe, state.sources[0].image_threshold) == ("lid", 4)
        assert rig.ask("thresholds", source="main", image_threshold=None).done
        assert rig.line.state().sources[0].image_threshold == 5
    used = [run.summary["image_threshold"] for run in rig.runs()]
    assert used == [9, 5, 4, 9, 4, 4, 5]


TWO: dict[str, Any] = {
    "source": {},
    "sources": [{"name": "left", "source": LIVE}, {"name": "right", "source": LIVE}],
}
OF_RIGHT: dict[str, Any] = {
    "cup": {"verdict": {"image_threshold": 6}, "measure": {"unit": "inch"}},
    "lid": {
        "verdict": {"image_threshold": 5, "pixel_threshold": 8},
        "sources": {"right": {"verdict": {"pixel_threshold": 7}}},
    },
}


def limits(rig: LineRig) -> dict[str, tuple[str | None, float, float]]:
    return {
        source.name: (source.recipe, source.image_threshold, source.pixel_threshold)
        for source in rig.line.state().sources
    }


def test_a_source_uses_another_recipe_than_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **OF_RIGHT))}
    config = write_line(tmp_path, recipes=recipes, **TWO)
    with LineRig(config) as rig:
        assert rig.ask("recipe", name="cup").done
        assert ask(["--config", str(config), "recipe", "lid", "right"]) == 0
        assert capsys.readouterr().out == "recipe lid is in use for right\n"
        rig.wait_for_frames()
        assert limits(rig) == {"left": ("cup", 6, 9), "right": ("lid", 5, 7)}
        assert "recipe cup (right: lid)" in rig.ask("status").text
        assert rig.ask("thresholds", source="right", image_threshold=3).done
    with LineRig(config) as rig:
        rig.wait_for_frames(1)
        assert limits(rig) == {"left": ("cup", 6, 9), "right": ("lid", 3, 7)}
        assert rig.ask("thresholds", source="right", image_threshold=None).done
        assert rig.ask("recipe", name="lid").done
        assert limits(rig) == {"left": ("lid", 5, 8), "right": ("lid", 5, 7)}
    right = rig.runs("right")
    assert {record["recipe_id"] for record in right[2].records} == {"lid"}
    changes = {e["key"]: (e["old"], e["new"]) for e in right[2].of_type("config_changed")}
    assert changes == {
        "recipe": ("cup", "lid"),
        "measure.unit": ("inch", "mm"),
        "verdict.image_threshold": (6, 5),
        "verdict.pixel_threshold": (9, 7),
    }
    assert not rig.runs("left")[2].of_type("config_changed")
    # With the recipe for all sources, nothing is different for the source that had it before.
    assert right[-2].records[0]["config"] == right[-1].records[0]["config"]


def test_sources_start_with_their_recipes(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **OF_RIGHT)), "start": "cup"}
    left, right = TWO["sources"]
    sources = [left, right | {"recipe": "lid"}]
    with LineRig(write_line(tmp_path, recipes=recipes, source={}, sources=sources)) as rig:
        assert limits(rig) == {"left": ("cup", 6, 9), "right": ("lid", 5, 7)}


def test_a_recipe_of_a_source_needs_a_folder_and_the_source(tmp_path: Path) -> None:
    left, right = TWO["sources"]
    config = write_line(tmp_path, source={}, sources=[left, right | {"recipe": "lid"}])
    with pytest.raises(ConfigError, match=r"sources, right: recipe needs recipes\.dir"):
        LineRig(config)
    select = [{"kind": "mqtt", "host": "broker", "topic": "t", "source": "middle"}]
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS)), "select": select}
    with pytest.raises(
        ConfigError, match=r"select\[0\]\.source: no source middle, only left, right"
    ):
        LineRig(write_line(tmp_path, recipes=recipes, **TWO))


def test_a_last_recipe_of_a_source_that_was_removed_is_named(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS))}
    config = write_line(tmp_path, recipes=recipes, **TWO)
    (tmp_path / "runs").mkdir()
    used = (SourceRecipe("right", "gone"), SourceRecipe("middle", "gone too"))
    write_settings(tmp_path / "runs" / "settings.yaml", Settings(source_recipes=used))
    with pytest.raises(ConfigError, match="gone was the last recipe"):
        LineRig(config)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A line of two sources with recipes that it must refuse."""
    folder = tmp_path_factory.mktemp("line")
    calibration = folder / "other_size.yaml"
    save_calibration(from_scale(0.1, (480, 640)), calibration)
    recipes = write_recipes(
        folder,
        good={"sources": {"left": {"verdict": {"image_threshold": 4}}}},
        empty="",
        half="verdict:\n  image_thr",
        broken="verdict: {image_threshold: 5",
        text="verdict",
        source={"source": {"uri": "0"}},
        key={"verdict": {"image_treshold": 5}},
        value={"verdict": {"image_threshold": "high"}},
        nobody={"sources": {"middle": {"verdict": {}}}},
        listed={"sources": [{"name": "left"}]},
        inner={"sources": {"left": {"output": {"dir": "x"}}}},
        no_engine={"engine": {"backend": "onnx", "path": str(folder / "missing.onnx")}},
        size={"calibration": {"path": str(calibration)}},
        limit={"verdict": {"min_length_mm": 2}},
    )
    (recipes / "folder.yaml").mkdir()
    (folder / "secret.yaml").write_text("verdict: {image_threshold: 1}")
    sources = [{"name": name, "source": LIVE} for name in ("left", "right")]
    values = {"recipes": {"dir": str(recipes)}, "sources": sources, "source": {}}
    with LineRig(write_line(folder, **values)) as rig:
        yield rig
    for name, limits in (("left", [9, 4]), ("right", [9, 9])):
        assert [run.summary["image_threshold"] for run in rig.runs(name)] == limits
    assert sorted(path.name for path in rig.folder.glob("[0-9]*")) == ["0001", "0002"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lib", "there is no recipe lib in "),
        ("../secret", "is no name of a recipe"),
        ("a/b", "is no name of a recipe"),
        ("..", "is no name of a recipe"),
        ("", "is no name of a recipe"),
        ("x" * 65, "is no name of a recipe"),
        ("empty", "recipe empty is empty"),
        ("half", "recipe half: verdict must hold keys"),
        ("broken", "recipe broken cannot be used: it is not YAML: line 1"),
        ("text", "recipe text must consist of sections such as engine:"),
        ("source", "recipe source: a recipe cannot set source"),
        ("key", "recipe key: unknown key verdict.image_treshold"),
        ("value", "recipe value: verdict.image_threshold"),
        ("nobody", "recipe nobody: there is no source middle, only left, right"),
        ("listed", "recipe listed: sources must hold keys"),
        ("inner", "recipe inner: sources.left: a recipe cannot set output"),
        ("no_engine", "missing.onnx"),
        ("size", "source left: "),
        ("limit", "verdict.min_length_mm: millimetres need a calibration"),
        ("folder", "recipe folder cannot be read: Is a directory"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused(rig: LineRig, name: str, sentence: str) -> None:
    answer = rig.ask("recipe", name=name)
    assert not answer.done
    assert answer.text.startswith("nothing was changed: ")
    assert sentence in answer.text
    assert rig.line.state().recipe is None


def test_a_recipe_for_a_source_that_is_missing_is_refused(rig: LineRig) -> None:
    answer = rig.ask("recipe", name="good", source="middle")
    assert (answer.done, answer.text) == (False, "recipe.source must be one of left, right")


@pytest.mark.parametrize("name", ["lib", "key", "value", "nobody", "size"])
def test_a_recipe_that_cannot_be_used_is_refused_for_one_source(rig: LineRig, name: str) -> None:
    answer = rig.ask("recipe", name=name, source="right")
    assert not answer.done
    assert answer.text.startswith("nothing was changed: ")
    assert rig.line.state().sources[1].recipe is None


def test_after_refused_recipes_a_good_one_is_used(rig: LineRig) -> None:
    assert rig.ask("recipe", name="good").done
    assert rig.line.state().recipe == "good"


def test_a_line_does_not_start_with_another_recipe_than_the_last_one(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS)), "start": "lib"}
    rig = LineRig(write_line(tmp_path, recipes=recipes))
    rig.start()
    rig.join(20)
    assert "there is no recipe lib" in str(rig.error)


def test_a_last_recipe_that_was_removed_is_named_as_such(tmp_path: Path) -> None:
    recipes = {"dir": str(write_recipes(tmp_path, **LIMITS))}
    config = write_line(tmp_path, recipes=recipes)
    (tmp_path / "runs").mkdir()
    write_settings(tmp_path / "runs" / "settings.yaml", Settings(recipe="gone"))
    with pytest.raises(ConfigError, match=r"gone was the last recipe .*settings.yaml"):
        LineRig(config)


def test_a_folder_of_recipes_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"recipes\.dir: .* cannot be read"):
        list_recipes(tmp_path / "missing")
    with pytest.raises(ConfigError, match=r"recipes\.dir: .* cannot be read"):
        read_recipe(tmp_path / "missing", "lid")
