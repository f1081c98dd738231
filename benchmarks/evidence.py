"""Changes the results of runs at random and counts what `line-inspector verify` finds.

python -m benchmarks.evidence [--changes 2000] [--log-mb 100] [--seed 14] also times the chain per
line, and the verification of a large log. Fifteen seeds with --changes 4000, and --log-mb 1000,
gave the figures in docs/evidence.md.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.evidence_changes import CASES, LOG, Random
from inspector.core.chain import Chain
from inspector.evidence.claims import read_claims
from inspector.evidence.report import CHANGED, WHOLE, RunReport
from inspector.evidence.signing import load_key
from inspector.evidence.verification import Verifier

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from evidence_runs import make_run, write_key


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("--changes", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--log-mb", type=int, default=100, help="MB; default: %(default)s")
    parser.add_argument("--seed", type=int, default=14, help="default: %(default)s")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        figures: dict[str, Any] = {
            "changes": count_changes(Path(folder), options.changes, options.seed)
        }
    figures["chain_us"] = time_chain()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        figures["verify"] = time_verify(Path(folder) / "large", options.log_mb)
    print(json.dumps({"evidence": figures}))


def count_changes(folder: Path, changes: int, seed: int) -> dict[str, Any]:
    """Makes one change after the other, verifies it in three ways, and undoes it."""
    key_path = write_key(folder / "key")
    (folder / "copies").mkdir()
    evidence = {"key_file": str(key_path), "checkpoint_dir": str(folder / "copies")}
    output = {"dir": str(folder / "out"), "snapshots": {"max_count": 4}}
    with contextlib.redirect_stderr(io.StringIO()):
        original = make_run(folder, frames=14, evidence=evidence, output=output)
    (copies,) = map(read_claims, (folder / "copies").iterdir())
    key = load_key(key_path, "key")
    whole = Verifier(key, [copies]).verify(original)
    assert [report.exit_code for report in whole] == [WHOLE], whole
    counts: dict[str, Counter[str]] = {name: Counter() for name in CASES}
    contents = read_all(original)
    rng = Random(seed)
    for number in range(changes):
        name = list(CASES)[number % len(CASES)]
        case = CASES[name]
        case.change(original, rng)
        changed = read_all(original)
        if changed == contents:
            counts[name]["no change"] += 1
            continue
        report = verify(Verifier(), original)
        counts[name]["changes"] += 1
        counts[name]["without a key"] += report.exit_code == CHANGED
        right = {change.kind for change in report.changes} <= case.names
        counts[name]["kind is right"] += right and bool(case.names)
        counts[name]["with the key"] += verify(Verifier(key), original).exit_code == CHANGED
        elsewhere = verify(Verifier(None, [copies]), original).exit_code == CHANGED
        counts[name]["with a copy elsewhere"] += elsewhere
        restore(changed, contents)
    return show(counts)


def read_all(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restore(changed: dict[Path, bytes], contents: dict[Path, bytes]) -> None:
    for path in changed.keys() - contents.keys():
        path.unlink()
    for path, data in contents.items():
        if changed.get(path) != data:
            path.write_bytes(data)


def verify(verifier: Verifier, out: Path) -> RunReport:
    (report,) = verifier.verify(out)
    return report


COLUMNS = ("changes", "without a key", "with the key", "with a copy elsewhere", "kind is right")


def show(counts: dict[str, Counter[str]]) -> dict[str, Any]:
    print(f"{'change':<38}" + "".join(f"{column:>23}" for column in COLUMNS))
    for name, row in counts.items():
        cells = [str(row[column]) for column in COLUMNS]
        cells[-1] = cells[-1] if CASES[name].names else "-"
        print(f"{name:<38}" + "".join(f"{cell:>23}" for cell in cells))
    claimed = {
        "without a key": [name for name, case in CASES.items() if case.plain],
        "with the key": [name for name, case in CASES.items() if case.key],
        "with a copy elsewhere": list(CASES),
    }
    missed = {
        column: sum(counts[name]["changes"] - counts[name][column] for name in names)
        for column, names in claimed.items()
    }
    total = sum(row["changes"] for row in counts.values())
    print(f"{total} changes; not found, although claimed: {missed}")
    return {"rows": counts, "total": total, "missed": missed}


def time_chain() -> float:
    """CPU microseconds per line of 1 kB that the chain adds."""
    chain, text, count = Chain(), json.dumps({"text": "x" * 1000}), 50_000
    start = time.process_time()
    for _ in range(count):
        chain.close_line(text)
    us = (time.process_time() - start) / count * 1e6
    print(f"chain: {us:.2f} CPU us per line of 1 kB")
    return round(us, 2)


def time_verify(folder: Path, megabytes: int) -> dict[str, float]:
    """CPU seconds to verify a log of this size, whole and with a deleted line. Lines of 1 kB."""
    folder.mkdir()
    chain = Chain()
    envelope = '{"type":"measured","run_id":"r","source":"main","seq":%d,"text":"%s"}'
    with (folder / LOG).open("w") as file:
        for seq in range(megabytes * 1000):
            file.write(chain.close_line(envelope % (seq, "x" * 850)) + "\n")
    size = (folder / LOG).stat().st_size
    figures = {"mb": round(size / 1e6)}
    for name in ("whole", "changed"):
        start = time.process_time()
        verify(Verifier(), folder)
        figures[f"{name}_cpu_s"] = round(time.process_time() - start, 2)
        if name == "whole":
            with (folder / LOG).open("r+b") as file:
                file.seek(size // 2)
                file.write(b"!")
    print(f"verify a log of {figures['mb']} MB: {figures}")
    return figures


if __name__ == "__main__":
    main()
