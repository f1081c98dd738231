"""Tests of the file of the store: creation, older and newer formats, damage, and many users."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_runs import LogOfRun, follow, frames, open_store, rows

from inspector.core.errors import ConfigError, SinkError
from inspector.store.audit import add_change, find_changes
from inspector.store.database import Store
from inspector.store.events import find_stored_runs
from inspector.store.feedback import find_feedback
from inspector.store.filters import HistoryFilter
from inspector.store.history import find_defects, find_inspections
from inspector.store.schema import FORMAT

FORMAT_1 = Path(__file__).with_name("format_1.sql")


def refusal(path: Path, *, thorough: bool = False) -> str:
    with pytest.raises(ConfigError) as info:
        Store(path, thorough=thorough).close()
    return str(info.value)


def execute(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)


def schema(path: Path) -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        names = db.execute(
            "SELECT type, name, tbl_name FROM sqlite_master ORDER BY name"
        ).fetchall()
        columns = db.execute(
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY 1, 2"
        ).fetchall()
    return names + columns


def test_a_store_of_format_1_opens_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    execute(path, FORMAT_1.read_text())
    with open_store(path) as store:
        assert rows(store, "PRAGMA user_version") == [(FORMAT,)]
        inspections = find_inspections(store, HistoryFilter())
        assert [(row.frame_id, row.verdict, row.feedback) for row in inspections] == [
            (1, "FAIL", "fine"),
            (0, "PASS", None),
        ]
        assert inspections[0].image_threshold == 0.5
        assert find_defects(store, "r1", "main", 1)[0]["length"] == 2.5
        assert [change.new for change in find_changes(store)] == [0.5]
        assert [item.who for item in find_feedback(store)] == ["A. Muster"]
        assert [run.shown_unit for run in find_stored_runs(store)] == ["mm"]
        LogOfRun(tmp_path / "runs/b", run_id="r2").add(*frames(3)).finish()
        follow(store)
        assert [row.number for row in find_inspections(store, HistoryFilter())] == [5, 4, 3, 2, 1]
    with open_store(tmp_path / "new.sqlite"):
        pass
    assert schema(path) == schema(tmp_path / "new.sqlite")


def test_two_programs_may_bring_an_old_store_to_the_new_format(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    execute(path, FORMAT_1.read_text())
    barrier = threading.Barrier(4)

    def open_it(_: int) -> None:
        barrier.wait()
        Store(path).close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_it, range(4)))  # raises the error of any thread
    with open_store(path) as store:
        assert rows(store, "SELECT COUNT(*) FROM inspections") == [(2,)]


def test_a_newer_format_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store(path).close()
    execute(path, f"PRAGMA user_version = {FORMAT + 1}")
    before = path.read_bytes()
    message = refusal(path)
    assert f"has format {FORMAT + 1}, but this program reads formats up to {FORMAT}" in message
    assert "store.path" in message
    assert path.read_bytes() == before


def test_another_database_is_refused(tmp_path: Path) -> None:
    execute(tmp_path / "other.sqlite", "CREATE TABLE t (a)")
    assert "is a database, but not a store" in refusal(tmp_path / "other.sqlite")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300, b"SQLite format 3\x00"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.sqlite").write_bytes(content)
    message = refusal(tmp_path / "store.sqlite")
    assert "is damaged" in message
    assert "move it away and start again" in message
    assert (tmp_path / "store.sqlite").read_bytes() == content


def test_damage_in_the_middle_is_refused_before_the_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        LogOfRun(tmp_path / "runs/a").add(*frames(3000)).finish()
        follow(store)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(bytes(content))
    assert "is damaged" in refusal(path, thorough=True)


@pytest.mark.parametrize("place", ["file/store.sqlite", "folder"])
def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    assert str(tmp_path / place.split("/")[0]) in refusal(tmp_path / place)


def test_a_change_is_complete_or_absent(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:

        def change() -> None:
            with store.transaction() as db:
                db.execute("INSERT INTO folders VALUES ('a', 0, NULL)")
                raise KeyError

        with pytest.raises(KeyError):
            change()
        assert rows(store, "SELECT * FROM folders") == []


def test_reading_changes_nothing_and_sees_one_state(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        with pytest.raises(SinkError), store.read() as db:
            db.execute("INSERT INTO folders VALUES ('a', 0, NULL)")
        with store.read() as db:
            count = "SELECT COUNT(*) FROM audit"
            assert db.execute(count).fetchone() == (0,)
            add_change(store, who="a", what="b")
            assert db.execute(count).fetchone() == (0,)
        assert rows(store, count) == [(1,)]


def test_many_threads_and_two_programs_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as first, open_store(path) as second:

        def write(store: Store) -> None:
            for number in range(20):
                add_change(store, who="a", what="b", new=number)
                find_changes(store, limit=3)

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(write, (first, second) * 3))  # raises the error of any thread
        assert len(find_changes(first, limit=1000)) == 120


def test_a_closed_store_is_a_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.close()
    store.close()
    with pytest.raises(SinkError, match="cannot be used"):
        add_change(store, who="a", what="b")


def test_a_store_can_be_read_without_changing_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        LogOfRun(tmp_path / "a").add(*frames(3)).finish()
        follow(store, tmp_path / "a")
    before = path.read_bytes()
    reading = Store(path, read_only=True)
    assert len(find_inspections(reading, HistoryFilter())) == 3
    with pytest.raises(SinkError, match="readonly"):
        add_change(reading, who="a", what="b")
    reading.close()
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="there is no store"):
        Store(tmp_path / "other.sqlite", read_only=True)
    assert not (tmp_path / "other.sqlite").exists()


def test_an_older_store_is_not_changed_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    execute(path, "PRAGMA journal_mode = WAL;" + FORMAT_1.read_text())
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=f"has format 1, but only format {FORMAT} can be read"):
        Store(path, read_only=True)
    assert path.read_bytes() == before
