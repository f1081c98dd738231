"""Adds good pictures to an engine.

It writes a candidate NAME.candidate.onnx and compares it with the engine. The engine changes only
with --accept, and --undo brings the former file back byte for byte.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from loguru import logger

from engines.engine_changes import (
    EngineChange,
    accept_candidate,
    candidate_path,
    complete_change,
    engine_of,
    read_changes,
    undo_engine,
)
from engines.spec_file import file_hash
from evaluation.teaching.comparison import StoredPicture, compare_engines
from evaluation.teaching.page import write_page
from evaluation.teaching.stored_frames import StoredFrames, find_stored_frames
from evaluation.teaching.wording import (
    describe_changes,
    describe_picture,
    describe_promise,
    plain_comparison,
)
from inspector.command_line import CommandParser
from inspector.config import DEFAULT_FILE, find_config, load_config
from inspector.core.errors import ConfigError, SinkError
from inspector.core.files import write_whole
from inspector.core.mode import check_open
from inspector.core.picture_files import pictures_of
from inspector.store.database import Store
from inspector.store.feedback import MISSED
from inspector.teaching.options import TeachingOptions
from learning.refitting import Candidate, RefitOptions, refit_engine
from tools._argument_types import KEEP_SIMILAR
from tools._cli import guarded, program
from tools._progress import Bars


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.history is not None:
        _print_history(arguments.history)
        return 0
    _check_mode(arguments.config)
    if arguments.accept is not None:
        engine = arguments.engine or engine_of(arguments.accept)
        change = accept_candidate(engine, arguments.accept, arguments.who, arguments.why)
        _print_change(engine, change)
    elif arguments.undo is not None:
        _print_change(arguments.undo, undo_engine(arguments.undo, arguments.who, arguments.why))
    else:
        _refit(arguments)
    return 0


def _check_mode(config: Path | None) -> None:
    check_open(load_config(find_config(config)).mode)


def _refit(arguments: argparse.Namespace) -> None:
    engine: Path | None = arguments.engine
    if engine is None:
        raise ConfigError("name the engine file that gets more good pictures")
    out = candidate_path(engine)
    named = _name_pictures(arguments.normal)
    defects = _name_pictures(arguments.missed, MISSED)
    frames = _find_frames(engine, arguments)
    normal = [each.path for each in (*named, *frames.fine)]
    missed = [each.path for each in (*defects, *frames.missed)]
    start = time.monotonic()
    with Bars() as bars:
        candidate = refit_engine(
            engine,
            normal,
            bars.advance,
            missed=missed,
            options=RefitOptions(
                full=arguments.full,
                keep_similar=arguments.keep_similar,
                backbone=arguments.backbone,
                threads=arguments.threads,
            ),
        )
    seconds = time.monotonic() - start
    pictures = [*defects, *frames.all, *(each for each in named if each.path in candidate.files)]
    comparison = compare_engines(engine, out, pictures, threads=arguments.threads)
    for label in frames.gone:
        logger.warning("{} has an answer, but its original is not stored", label)
    _print_candidate(candidate, seconds)
    for text in describe_promise(comparison.after):
        print(f"{'promise':16} {text}")
    for text in describe_changes(comparison):
        print(f"{'comparison':16} {text}")
    for scored in comparison.changed:
        print(f"{'':16} {describe_picture(comparison, scored)}")
    values = _plain_candidate(candidate, seconds) | {"comparison": plain_comparison(comparison)}
    text = json.dumps(values, indent=2, ensure_ascii=False)
    write_whole(out.with_suffix(".json"), text.encode("utf-8", "backslashreplace"), "", SinkError)
    write_page(comparison, out.with_suffix(".html"), candidate.notes)
    print(f"{'page':16} {out.with_suffix('.html')}")
    print(
        f"{'next':16} `{program('refit')} --accept {out} --who NAME --why REASON` puts it in the "
        "place of the engine"
    )


def _name_pictures(names: list[str], answer: str | None = None) -> list[StoredPicture]:
    return [StoredPicture(p, p.name, answer) for name in names for p in pictures_of(name)]


def _find_frames(engine: Path, arguments: argparse.Namespace) -> StoredFrames:
    if arguments.store is None:
        if arguments.run:
            raise ConfigError("--run names runs of a store: add --store")
        return StoredFrames((), (), (), ())
    if not arguments.store.is_file():
        raise ConfigError(f"--store {arguments.store} does not exist")
    complete_change(engine)
    former = [sha for each in read_changes(engine) for sha in (each.old_sha256, each.new_sha256)]
    with contextlib.closing(Store(arguments.store)) as store:
        return find_stored_frames(
            store, [file_hash(engine), *former], arguments.run, newest=arguments.compare
        )


def _print_candidate(candidate: Candidate, seconds: float) -> None:
    spec = candidate.result.spec
    lines = [
        ("candidate", f"{candidate.result.path}, made in {seconds:.2f} s"),
        ("added", f"{len(candidate.added)}: {', '.join(candidate.added) or '-'}"),
        *([("removed", ", ".join(candidate.removed))] if candidate.removed else []),
        *(("not added", f"{name}: {why}") for name, why in candidate.left_out),
        ("good pictures", str(spec.trained_on["count"])),
        ("image threshold", f"{spec.image_threshold:.4f}"),
        ("pixel threshold", f"{spec.pixel_threshold:.4f}"),
        *(("note", note) for note in candidate.notes),
    ]
    for name, text in lines:
        print(f"{name:16} {text}")


def _plain_candidate(candidate: Candidate, seconds: float) -> dict[str, Any]:
    return {
        "candidate": str(candidate.result.path),
        "seconds": round(seconds, 3),
        "steps_s": {name: round(s, 3) for name, s in candidate.result.seconds.items()},
        "added": list(candidate.added),
        "removed": list(candidate.removed),
        "not_added": [{"name": name, "reason": why} for name, why in candidate.left_out],
        "notes": list(candidate.notes),
    }


def _print_change(engine: Path, change: EngineChange) -> None:
    print(f"{'engine':16} {engine}")
    print(f"{'sha256':16} {change.old_sha256} -> {change.new_sha256}")
    print(f"{change.action:16} {change.utc} by {change.who}: {change.why}")


def _print_history(engine: Path) -> None:
    for change in read_changes(engine):
        print(
            f"{change.utc}  {change.action:6}  {change.old_sha256[:12]} -> "
            f"{change.new_sha256[:12]}  {change.who}: {change.why}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("refit"), description=__doc__)
    add = parser.add_argument
    add("engine", type=Path, nargs="?", help="engine file, with its fit record beside it")
    add(
        "--normal",
        action="extend",
        nargs="+",
        default=[],
        metavar="PICTURES",
        help="files, folders or globs of good product to add. Pictures that are in the engine "
        "already are recognised; name them too if the engine was fitted without --teachable",
    )
    add(
        "--missed",
        action="extend",
        nargs="+",
        default=[],
        metavar="PICTURES",
        help="pictures of defects that the engine passed; they only check the candidate",
    )
    add(
        "--store",
        type=Path,
        help="store of a line: pictures answered as fine are added, those answered as missed check "
        "the candidate, and its newest pictures are compared",
    )
    add(
        "--run",
        action="append",
        default=[],
        metavar="RUN_ID",
        help="use this run of the store; default: all runs with this engine or a former version; "
        "can be repeated",
    )
    add(
        "--compare",
        type=int,
        default=TeachingOptions().compare,
        help="how many pictures of the store both engines judge, the newest (%(default)s)",
    )
    add("--full", action="store_true", help="simulate defects and check the candidate as fit does")
    add("--keep-similar", action="store_true", help=KEEP_SIMILAR)
    add("--backbone", type=Path, help="ONNX file of the backbone, if it is not the built-in one")
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add("--config", type=Path, help=f"configuration with the key mode (default: {DEFAULT_FILE})")
    instead = parser.add_argument_group("instead of making a candidate")
    choice = instead.add_mutually_exclusive_group().add_argument
    choice("--accept", type=Path, metavar="CANDIDATE", help="put it in the place of its engine")
    choice("--undo", type=Path, metavar="ENGINE", help="bring back the former file")
    choice("--history", type=Path, metavar="ENGINE", help="list who changed it, when and why")
    instead.add_argument("--who", default="", help="name of the person, for --accept and --undo")
    instead.add_argument("--why", default="", help="reason, for --accept and --undo")
    return parser


if __name__ == "__main__":
    sys.exit(main())
