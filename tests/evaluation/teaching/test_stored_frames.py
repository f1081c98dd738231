"""The originals of a store that teach an engine and check its candidate."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_runs import LogOfRun, follow, frames, open_store

from evaluation.teaching.stored_frames import find_stored_frames
from inspector.core.errors import DataError
from inspector.outputs.folder import ORIGINALS, original_name
from inspector.store.database import Store
from inspector.store.feedback import add_feedback

OLD, NOW, OTHER = ("a" * 64, "b" * 64, "c" * 64)


def record(folder: Path, run_id: str, engine: str, *, hashed: bool = True) -> Path:
    """A run of four frames; the originals of the first three are stored."""
    (folder / ORIGINALS).mkdir(parents=True)
    files = {}
    for frame_id in range(3):
        content = f"{run_id} {frame_id}".encode()
        name = Path(ORIGINALS, original_name(frame_id, "png"))
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files[name.as_posix()] = {"bytes": len(content), "sha256": digest}
    log = LogOfRun(folder, run_id=run_id, engine_hash=engine).add(*frames(4))
    return log.finish(files if hashed else {})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Runs of the engine, of a former version and of another engine, with answers."""
    with open_store(tmp_path / "store.sqlite") as opened:
        follow(
            opened,
            *(
                record(tmp_path / name, name, sha)
                for name, sha in zip("123", (OLD, NOW, OTHER), strict=True)
            ),
        )
        for run_id, frame_id, answer in (
            ("1", 0, "fine"),
            ("2", 1, "missed"),
            ("2", 3, "fine"),
            ("2", 2, "missed"),
            ("2", 2, "fine"),
            ("3", 0, "fine"),
        ):
            add_feedback(
                opened, run_id=run_id, source="main", frame_id=frame_id, answer=answer, who="Ann"
            )
        yield opened


def test_the_last_answers_of_runs_with_the_engine_or_a_former_version_count(store):
    frames = find_stored_frames(store, [NOW, OLD], [], newest=0)
    assert [each.label for each in frames.fine] == ["2 main frame 2", "1 main frame 0"]
    assert [each.label for each in frames.missed] == ["2 main frame 1"]
    assert frames.missed[0].path.read_text() == "2 1"
    assert frames.gone == ("2 main frame 3",)
    assert frames.newest == ()


def test_named_runs_count_with_any_engine(store):
    frames = find_stored_frames(store, [NOW], ["3"], newest=10)
    assert [each.label for each in frames.fine] == ["3 main frame 0"]
    assert [each.label for each in frames.newest] == [f"3 main frame {n}" for n in (2, 1, 0)]


def test_the_newest_pictures_are_compared_each_once(store):
    frames = find_stored_frames(store, [NOW, OLD], [], newest=4)
    assert [each.label for each in frames.newest] == [
        *(f"2 main frame {number}" for number in (2, 1, 0)),
        "1 main frame 2",
    ]
    assert [(each.label, each.answer) for each in frames.all] == [
        ("2 main frame 2", "fine"),
        ("2 main frame 1", "missed"),
        ("1 main frame 0", "fine"),
        ("2 main frame 0", None),
        ("1 main frame 2", None),
    ]


def test_an_original_that_was_changed_does_not_teach(store, tmp_path):
    original = tmp_path / "2" / ORIGINALS / original_name(1, "png")
    original.write_text("another picture")
    with pytest.raises(DataError, match="is not the picture that was inspected"):
        find_stored_frames(store, [NOW], [], newest=0)


def test_an_original_without_a_hash_in_the_log_is_used(tmp_path):
    with open_store(tmp_path / "store.sqlite") as store:
        follow(store, record(tmp_path / "1", "1", NOW, hashed=False))
        add_feedback(store, run_id="1", source="main", frame_id=0, answer="fine", who="Ann")
        assert len(find_stored_frames(store, [NOW], [], newest=0).fine) == 1
