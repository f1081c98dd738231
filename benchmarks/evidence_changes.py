"""Random changes of the results of a run, for benchmarks.evidence."""

import json
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from evidence_runs import chain_again

LOG = "inspections.jsonl"
Random = random.Random


@dataclass(frozen=True)
class Case:
    """A change, and whether it must be found without a key and with it. With a copy elsewhere every
    change must be found. names: kinds that verify may call it; empty: the kind is not checked."""

    change: Callable[[Path, Random], None]
    names: frozenset[str] = frozenset()
    plain: bool = True
    key: bool = True


def edit_byte(path: Path, rng: Random, first: int = 0) -> None:
    data = bytearray(path.read_bytes())
    at = rng.randrange(first, len(data))
    data[at] = rng.choice([value for value in range(256) if value != data[at]])
    path.write_bytes(data)


def edit_line(out: Path, rng: Random) -> None:
    """Changes a byte of a line, but not its line end."""
    lines = read_lines(out)
    at = rng.randrange(len(lines))
    line = bytearray(lines[at])
    place = rng.randrange(len(line) - 1)
    line[place] = rng.choice([v for v in range(32, 127) if v != line[place]])
    lines[at] = bytes(line)
    write_lines(out, lines)


def read_lines(out: Path) -> list[bytes]:
    return (out / LOG).read_bytes().splitlines(keepends=True)


def write_lines(out: Path, lines: list[bytes]) -> None:
    (out / LOG).write_bytes(b"".join(lines))


def delete_lines(out: Path, rng: Random) -> None:
    lines = read_lines(out)
    at, count = rng.randrange(len(lines) - 1), rng.randint(1, 5)
    write_lines(out, lines[:at] + lines[min(at + count, len(lines) - 1) :])


def insert_line(out: Path, rng: Random) -> None:
    """A copy of a line, unchanged or with another verdict, or a line of somebody else."""
    lines = read_lines(out)
    line = rng.choice(lines)
    kind = rng.randrange(3)
    if kind == 1:
        line = line.replace(b"PASS", b"X").replace(b"FAIL", b"PASS").replace(b"X", b"FAIL")
    if kind == 2:
        line = b'{"type":"verdict","verdict":"PASS"}\n'
    lines.insert(rng.randrange(len(lines) + 1), line)
    write_lines(out, lines)


def swap_lines(out: Path, rng: Random) -> None:
    lines = read_lines(out)
    a, b = rng.sample(range(len(lines)), 2)
    lines[a], lines[b] = lines[b], lines[a]
    write_lines(out, lines)


def move_line(out: Path, rng: Random) -> None:
    lines = read_lines(out)
    a, b = rng.sample(range(len(lines)), 2)
    lines.insert(b, lines.pop(a))
    write_lines(out, lines)


def truncate_log(out: Path, rng: Random) -> None:
    data = (out / LOG).read_bytes()
    (out / LOG).write_bytes(data[: rng.randrange(len(data))])


def any_byte_of_the_log(out: Path, rng: Random) -> None:
    edit_byte(out / LOG, rng)


def pictures(out: Path) -> list[Path]:
    return sorted((out / "snapshots").iterdir())


def change_picture(out: Path, rng: Random) -> None:
    edit_byte(rng.choice(pictures(out)), rng)


def replace_picture(out: Path, rng: Random) -> None:
    a, b = rng.sample(pictures(out), 2)
    shutil.copyfile(a, b)


def remove_picture(out: Path, rng: Random) -> None:
    rng.choice(pictures(out)).unlink()


def add_picture(out: Path, rng: Random) -> None:
    name = f"frame_{rng.randrange(10**6, 10**7):08d}_FAIL.jpg"
    shutil.copyfile(rng.choice(pictures(out)), out / "snapshots" / name)


def change_cell(out: Path, rng: Random) -> None:
    path = out / rng.choice(["sightings.csv", "defects.csv"])
    rows = path.read_bytes().splitlines(keepends=True)
    row = rng.randrange(1, len(rows))
    cells = rows[row].split(b",")
    cell = rng.randrange(len(cells))
    cells[cell] = str(rng.random()).encode() + (b"\r\n" if cell == len(cells) - 1 else b"")
    rows[row] = b",".join(cells)
    path.write_bytes(b"".join(rows))


def change_rows(out: Path, rng: Random) -> None:
    """Deletes, repeats or swaps rows of a table."""
    path = out / rng.choice(["sightings.csv", "defects.csv"])
    rows = path.read_bytes().splitlines(keepends=True)
    a, b = rng.sample(range(1, len(rows)), 2)
    kind = rng.randrange(3)
    if kind == 0:
        del rows[a]
    elif kind == 1:
        rows.insert(a, rows[b])
    else:
        rows[a], rows[b] = rows[b], rows[a]
    path.write_bytes(b"".join(rows))


def change_video(out: Path, rng: Random) -> None:
    edit_byte(out / "annotated.mp4", rng)


def cut_video(out: Path, rng: Random) -> None:
    data = (out / "annotated.mp4").read_bytes()
    (out / "annotated.mp4").write_bytes(data[: rng.randrange(len(data))])


def edit_summary(out: Path, rng: Random) -> None:
    edit_byte(out / "summary.json", rng)


def edit_counts(out: Path, rng: Random) -> None:
    path = out / "summary.json"
    summary = json.loads(path.read_bytes())
    summary[rng.choice(["passed", "failed", "captured"])] += rng.choice([-1, 1])
    path.write_text(json.dumps(summary, indent=2) + "\n")


def change_and_chain_again(out: Path, rng: Random) -> None:
    """Changes the log or the counts and computes all hashes again, without the key."""
    kind = rng.randrange(3)
    lines = read_lines(out)
    at = rng.randrange(1, len(lines))
    if kind == 0:
        lines[at] = lines[at].replace(b'"score":', b'"score":1', 1)
        lines[at] = lines[at].replace(b'"recipe_id":null', b'"recipe_id":"x"', 1)
    elif kind == 1:
        # The numbers of the lines stay, because somebody who cheats takes care of them.
        lines[at] = lines[at].replace(b'"captured_ns":', b'"captured_ns":1', 1)
    else:
        edit_counts(out, rng)
    write_lines(out, lines)
    chain_again(out)


def remove_the_end(out: Path, rng: Random) -> None:
    """Leaves a run that looks as if it was killed."""
    (out / "summary.json").unlink()
    lines = read_lines(out)
    write_lines(out, lines[: rng.randrange(1, len(lines))])


def remove_signatures(out: Path, rng: Random) -> None:
    chain_again(out, unsigned=True)


def kinds(*words: str) -> frozenset[str]:
    return frozenset(words)


CASES: dict[str, Case] = {
    "edit: a byte of a line": Case(edit_line, kinds("edited")),
    "edit: any byte of the log": Case(any_byte_of_the_log),
    "delete 1 to 5 lines": Case(delete_lines, kinds("deleted")),
    "insert a line": Case(insert_line, kinds("inserted")),
    "swap two lines": Case(swap_lines, kinds("reordered")),
    "move a line": Case(move_line, kinds("reordered")),
    "cut the end of the log": Case(truncate_log, kinds("truncated")),
    "a byte of a picture": Case(change_picture, kinds("changed")),
    "replace a picture": Case(replace_picture, kinds("changed", "shorter", "longer")),
    "remove a picture": Case(remove_picture, kinds("missing")),
    "add a picture": Case(add_picture, kinds("added")),
    "a cell of a table": Case(change_cell, kinds("changed", "shorter", "longer")),
    "rows of a table": Case(change_rows, kinds("changed", "shorter", "longer")),
    "a byte of the video": Case(change_video, kinds("changed")),
    "cut the end of the video": Case(cut_video, kinds("shorter")),
    "a byte of summary.json": Case(edit_summary),
    "the counts of summary.json": Case(edit_counts, kinds("edited")),
    "change and compute all hashes again": Case(change_and_chain_again, plain=False),
    "remove the end and summary.json": Case(remove_the_end, plain=False, key=False),
    "remove all signatures": Case(remove_signatures, plain=False),
}
