"""Tests of the outbox: order, size limit, damage, restart."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from inspector.core.errors import ConfigError, SinkError
from inspector.outputs.outbox import BATCH, BATCH_BYTES, FILE, Outbox

MB = 1_000_000


def open_outbox(folder: Path, *, max_bytes: int = 10 * MB, when_full: str = "stop") -> Outbox:
    return Outbox(folder, max_bytes=max_bytes, when_full=when_full)


def fill(outbox: Outbox, count: int, size: int = 100) -> list[bytes]:
    bodies = [f"{number} ".encode().ljust(size, b"x") for number in range(count)]
    for body in bodies:
        outbox.append(body)
    return bodies


def drain(outbox: Outbox) -> list[bytes]:
    bodies = []
    while records := outbox.oldest():
        bodies += [record.body for record in records]
        outbox.confirm(records)
    return bodies


def test_records_come_out_in_order_and_stay_until_they_are_confirmed(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    bodies = fill(outbox, BATCH + 5)
    first = outbox.oldest()
    assert [record.body for record in first] == bodies[:BATCH]
    assert outbox.oldest() == first
    assert drain(outbox) == bodies
    assert (outbox.appended, outbox.delivered, outbox.waiting) == (len(bodies), len(bodies), 0)
    outbox.close()


def test_the_next_process_reads_the_waiting_records(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    bodies = fill(outbox, 7)
    outbox.confirm(outbox.oldest()[:3])
    outbox.close()
    outbox.close()
    again = open_outbox(tmp_path)
    assert again.waiting == 4
    assert drain(again) == bodies[3:]
    again.close()


def test_a_batch_is_bounded_in_bytes_and_a_larger_record_is_sent_alone(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    large, small = b"x" * (BATCH_BYTES + 1), b"y" * (BATCH_BYTES // 2)
    for body in (large, small, small, small):
        outbox.append(body)
    sizes = []
    while records := outbox.oldest():
        sizes.append([len(record.body) for record in records])
        outbox.confirm(records)
    assert sizes == [[len(large)], [len(small)] * 2, [len(small)]]
    outbox.close()


@pytest.mark.parametrize("size", [100, 2100, 9000])
def test_a_full_outbox_drops_the_oldest_and_counts_them(tmp_path: Path, size: int) -> None:
    outbox = open_outbox(tmp_path, max_bytes=MB, when_full="drop_oldest")
    bodies = fill(outbox, 3 * MB // size, size)
    assert outbox.dropped > 0
    assert outbox.waiting == len(bodies) - outbox.dropped
    assert drain(outbox) == bodies[outbox.dropped :]
    outbox.close()
    assert (tmp_path / FILE).stat().st_size <= MB + 2 * size + 4096


def test_a_full_outbox_with_stop_refuses_records_and_drops_nothing(
    tmp_path: Path,
) -> None:
    outbox = open_outbox(tmp_path, max_bytes=MB)
    with pytest.raises(SinkError, match=r"is full: \d+ records wait in 1 MB; .* queue\.max_mb"):
        fill(outbox, 3 * MB // 1000, 1000)
    waiting = outbox.waiting
    assert waiting == outbox.appended > 0
    assert len(drain(outbox)) == waiting
    fill(outbox, 10)
    outbox.close()


def test_records_dropped_during_their_delivery_are_counted_once(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_bytes=MB, when_full="drop_oldest")
    fill(outbox, 10, 1000)
    on_their_way = outbox.oldest()
    fill(outbox, 2000, 1000)
    assert outbox.dropped > 10
    outbox.confirm(on_their_way)
    assert outbox.delivered == 10
    assert outbox.appended == outbox.delivered + outbox.dropped + outbox.waiting
    assert len(drain(outbox)) + 10 + outbox.dropped == 2010
    outbox.close()


def test_two_processes_never_share_an_outbox(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    with pytest.raises(ConfigError, match="another run"):
        open_outbox(tmp_path)
    outbox.close()
    open_outbox(tmp_path).close()


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        open_outbox(tmp_path / "file")


def closed_with(folder: Path, count: int) -> Path:
    outbox = open_outbox(folder)
    fill(outbox, count, 1000)
    outbox.close()
    return folder / FILE


def open_and_drain(folder: Path) -> list[bytes]:
    outbox = open_outbox(folder)
    try:
        return drain(outbox)
    finally:
        outbox.close()


def refusal(folder: Path) -> str:
    """The error of a damaged outbox, raised at the start or when it is read."""
    with pytest.raises(SinkError) as caught:
        open_and_drain(folder)
    assert "\n" not in str(caught.value)
    open_outbox(folder.with_name("other")).close()  # the refused outbox has released its lock
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"rubbish " * 5000, b"\0" * 8192])
def test_a_file_that_is_not_an_outbox_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert "move the folder" in refusal(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_outbox_is_refused(tmp_path: Path, part: float) -> None:
    path = closed_with(tmp_path, 200)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * part) // 4096 * 4096])
    assert "is damaged" in refusal(tmp_path)


def test_a_changed_byte_is_refused_or_changes_no_record(tmp_path: Path) -> None:
    path = closed_with(tmp_path, 20)
    content = path.read_bytes()
    bodies = [f"{number} ".encode().ljust(1000, b"x") for number in range(20)]
    refused = 0
    for at in range(0, len(content), 331):
        damaged = tmp_path / f"at_{at}"
        damaged.mkdir()
        changed = content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]
        (damaged / FILE).write_bytes(changed)
        try:
            assert open_and_drain(damaged) == bodies, at
        except SinkError:
            refused += 1
    assert refused > len(content) / 331 / 2


def test_another_database_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE records (number, crc, body)")
    db.close()
    assert "but not an outbox" in refusal(tmp_path)
    path = closed_with(tmp_path / "newer", 1)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    assert "format 2" in refusal(tmp_path / "newer")


def test_an_outbox_opens_after_a_killed_start(tmp_path: Path) -> None:
    (tmp_path / "records.part").write_bytes(b"half")
    outbox = open_outbox(tmp_path)
    assert drain(outbox) == []
    outbox.close()


def test_a_closed_outbox_refuses_records(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.close()
    with pytest.raises(SinkError, match="cannot be used"):
        outbox.append(b"{}")
    assert (outbox.appended, outbox.waiting) == (0, 0)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from inspector.core.errors import SinkError
from inspector.outputs.outbox import Outbox

outbox = Outbox(Path(sys.argv[1]), max_bytes=10**8, when_full="drop_oldest")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    while True:
        outbox.append(f"{outbox.appended} ".encode().ljust(1000, b"x"))
except SinkError as exc:
    print(outbox.appended, exc)
"""


def test_a_full_disk_gives_a_one_sentence_error_and_loses_no_record(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    count, sentence = process.stdout.strip().split(" ", 1)
    assert f"the outbox {tmp_path / FILE} cannot be used: " in sentence
    assert int(count) > 20
    bodies = [f"{number} ".encode().ljust(1000, b"x") for number in range(int(count))]
    assert open_and_drain(tmp_path) == bodies
