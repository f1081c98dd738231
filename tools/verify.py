"""Shows whether the results of runs were changed: the log, its summary, tables, video, pictures."""

import re
import sys
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.evidence.claims import read_claims
from inspector.evidence.report import CHANGED, UNPROVEN, WHOLE
from inspector.evidence.signing import load_key
from inspector.evidence.verification import Verifier
from inspector.standard_streams import write_error
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    for value in arguments.chain:
        if not re.fullmatch("[0-9a-f]{64}", value):
            raise ConfigError(f"--chain: a value has 64 digits from 0 to f, not {value!r:.80}")
    key = None if arguments.key is None else load_key(arguments.key, "--key")
    verifier = Verifier(key, [read_claims(path) for path in arguments.checkpoint], arguments.chain)
    codes = [_verify(verifier, folder) for folder in arguments.runs]
    for sentence in verifier.unused():
        codes.append(CHANGED)
        print(f"CHANGED: {sentence}")
    return next(code for code in (CHANGED, ConfigError.exit_code, UNPROVEN, WHOLE) if code in codes)


def _verify(verifier: Verifier, folder: Path) -> int:
    """Prints the result of one run or session. Returns its exit code."""
    try:
        reports = verifier.verify(folder)
    except ConfigError as exc:
        write_error(f"error: {exc}")
        return exc.exit_code
    except OSError as exc:
        write_error(f"error: cannot read {exc.filename or folder}: {exc.strerror}")
        return ConfigError.exit_code
    for report in reports:
        print("\n".join(report.sentences()))
    codes = {report.exit_code for report in reports}
    return CHANGED if CHANGED in codes else max(codes)


def _parser() -> CommandParser:
    parser = CommandParser(prog=program("verify"), description=__doc__)
    add = parser.add_argument
    add(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="output folder of a run, or of all its sources",
    )
    add("--key", type=Path, help="key file that checks the signatures: secret, private or public")
    add(
        *("--checkpoint", "--checkpoints"),
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="checkpoints that were kept elsewhere: a file of evidence.checkpoint_dir, or a copy "
        "of summary.json",
    )
    add(
        "--chain",
        nargs="+",
        action="extend",
        default=[],
        metavar="VALUE",
        help="chain values that were kept elsewhere, such as on a printed report",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
