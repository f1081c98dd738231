"""Shows which defects an engine finds: draws defects of known size on held-out good pictures."""

import argparse
import sys
from pathlib import Path

from engines.backends.choosing import AUTO
from engines.opening import BACKENDS, DEVICES, open_engine
from evaluation.acceptance.design import parse_defects
from evaluation.acceptance.page import acceptance_page
from evaluation.acceptance.record import FILES, PDF, content_hash, verify_record, write_record
from evaluation.acceptance.running import (
    CONTRAST,
    MOST_PICTURES,
    AcceptanceOptions,
    AcceptanceOutcome,
    run_acceptance,
)
from evaluation.acceptance.sentences import conclusion
from inspector.command_line import CommandParser, describe_version
from inspector.core.errors import ConfigError
from inspector.core.files import sole_writer
from inspector.report.pdf import load_weasyprint, write_pdf
from learning.simulation.plans import KINDS
from tools import _argument_types
from tools._cli import guarded, program
from tools._progress import Bars
from tools._reading_options import add_reading_options, chosen_reading

SUFFIX = ".acceptance"
"""The default folder is NAME.acceptance beside the engine file NAME.onnx."""


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.verify is not None:
        return _verify(arguments)
    if arguments.engine is None or arguments.normal is None:
        raise ConfigError("give an engine file and --normal DIR, or --verify FILE")
    if arguments.sha256 is not None:
        raise ConfigError("--sha256 needs --verify")
    out = arguments.out or arguments.engine.with_suffix(SUFFIX)
    existing = [out / name for name in FILES if (out / name).exists()]
    if existing and not arguments.overwrite:
        raise ConfigError(f"{existing[0]} exists already; give --overwrite or another --out")
    if arguments.pdf:
        load_weasyprint()
    options = AcceptanceOptions(
        defects=parse_defects(arguments.defects or ()),
        program=describe_version(),
        calibration=arguments.calibration,
        contrast=arguments.contrast,
        pictures=arguments.pictures,
        seed=arguments.seed,
        allow_aspect=arguments.allow_aspect,
        reading=chosen_reading(arguments),
    )
    engine = open_engine(
        arguments.engine,
        backend=arguments.backend,
        device=arguments.device,
        threads=arguments.threads,
    )
    try:
        with sole_writer(out), Bars() as bars:
            outcome = run_acceptance(
                engine, arguments.engine, arguments.normal, options, bars.advance
            )
            page = acceptance_page(outcome.result, outcome.examples)
            write_record(out, outcome.result, outcome.trials, page)
            if arguments.pdf:
                write_pdf(out / PDF, page)
    finally:
        engine.close()
    _print_result(outcome, out)
    return 0


def _print_result(outcome: AcceptanceOutcome, out: Path) -> None:
    for sentence in conclusion(outcome.result):
        print(sentence)
    for warning in outcome.result.warnings:
        print(f"warning: {warning}")
    print(f"content hash: {content_hash(outcome.result)}")
    print(f"written to {out}: {', '.join(FILES)}")


def _verify(arguments: argparse.Namespace) -> int:
    digest, problems = verify_record(arguments.verify, arguments.sha256, arguments.engine)
    print(f"content hash: {digest}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print("verified: the page, the result and the trials agree")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("accept"), description=__doc__)
    add = parser.add_argument
    add("engine", nargs="?", type=Path, metavar="ENGINE", help="engine file")
    add(
        "--normal",
        type=Path,
        metavar="DIR",
        help="folder of good pictures that were not used to make the engine",
    )
    add(
        "--defects",
        action="extend",
        nargs="+",
        metavar="KINDS:SIZES",
        help="kinds and sizes, such as scratch,crack:2,4,8 stain:1,2,5 (mm with --calibration, "
        "else px); without sizes, they follow from the product. Kinds: "
        + ", ".join(KINDS)
        + " (default: all)",
    )
    add(
        "--contrast",
        type=_argument_types.number_between(1, 255),
        default=CONTRAST,
        help="of the defects, grey levels from 1 to 255 (default: %(default)g)",
    )
    add("--calibration", type=Path, metavar="FILE", help="gives sizes in mm")
    add(
        "--pictures",
        type=_pictures,
        default=MOST_PICTURES,
        metavar="N",
        help="good pictures that defects are drawn on, at most; each gets one defect per kind and "
        "size (default: %(default)s)",
    )
    add("--seed", type=_argument_types.seed, default=0, help="(default: %(default)s)")
    add(
        "--out",
        type=_argument_types.out_folder,
        metavar="DIR",
        help=f"folder for the results (default: NAME{SUFFIX} beside the engine)",
    )
    add("--overwrite", action="store_true", help="replace existing results")
    add("--pdf", action="store_true", help=f"also write {PDF} (extra: pdf)")
    add("--backend", choices=[AUTO, *BACKENDS], default="onnx", help="(default: %(default)s)")
    add("--device", choices=[AUTO, *DEVICES], default="cpu", help="(default: %(default)s)")
    add(
        "--threads",
        type=_argument_types.seed,
        default=0,
        help="threads of the runtime; 0: it chooses (default: %(default)s)",
    )
    add(
        "--allow-aspect",
        action="store_true",
        help="judge pictures of another aspect ratio than the pictures of fitting",
    )
    add_reading_options(parser)
    add(
        "--verify",
        type=Path,
        metavar="FILE",
        help="check an acceptance.json or its folder instead; with ENGINE also the engine file",
    )
    add("--sha256", metavar="HASH", help="with --verify: the content hash on the signed page")
    return parser


def _pictures(text: str) -> int:
    value = _argument_types.seed(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
