"""Runs the command NAME of `line-inspector NAME`."""

import difflib
import importlib
import sys
from typing import Final

from inspector.command_line import USAGE_ERROR, describe_version
from inspector.early_signals import ignore_signals
from inspector.standard_streams import open_missing_streams

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("run_inspector", "inspect a video, a camera or pictures"),
    "cameras": ("tools.cameras", "list the cameras of this machine and of its networks"),
    "report": ("tools.report", "write the report of runs: HTML and PDF, to sign"),
    "roll-map": ("tools.roll_map", "draw a web with all defects, from the log of a run"),
    "verify": ("tools.verify", "show whether the results of a run were changed"),
    "replay": ("tools.replay", "judge the frames of a run again and compare the results"),
    "export": ("tools.export", "write the inspections of a time range as tables or a data set"),
    "recover": ("tools.recover", "complete the results of a run that was killed"),
    "line": ("tools.line", "send a request to a running line: recipe, start, stop, status ..."),
    "install-service": ("tools.install_service", "write a systemd unit that runs the inspection"),
    "clean": ("tools.clean", "remove the oldest results of runs, by age, size and free space"),
    "fit": ("tools.fit", "make an engine from good pictures, without training"),
    "train": ("tools.train", "train an engine (GLASS or autoencoder; needs torch)"),
    "refit": ("tools.refit", "add good pictures to an engine, and accept or undo that"),
    "evaluate": ("tools.evaluate", "measure how good an engine is on test pictures"),
    "benchmark": ("tools.benchmark", "fit and evaluate a method on a public data set"),
    "compare": ("tools.compare", "compare engines on the same pictures"),
    "accept": ("tools.accept", "show which sizes of drawn defects an engine finds"),
    "threshold": ("tools.threshold", "show or change the thresholds of an engine"),
    "calibrate": ("tools.calibrate", "find how many millimetres a pixel is"),
    "gauge": ("tools.gauge", "study how repeatable and reproducible sizes or verdicts are"),
    "download": ("tools.download", "download a public data set (MVTec AD, VisA)"),
    "study": ("tools.study", "study how detection survives a change of light or camera"),
    "show-engine": ("tools.show_engine", "print what an engine file says about itself"),
    "bench": ("tools.bench", "time an engine on every installed runtime"),
    "convert": ("tools.convert", "make an engine in half precision or int8"),
    "build-trt": ("tools.build_trt", "build the TensorRT plan of an engine"),
    "import-checkpoint": ("tools.import_checkpoint", "make an engine from a GLASS or RAD file"),
    "import-engine": ("tools.import_engine", "make an engine from an export of anomalib"),
    "export-backbone": ("tools.export_backbone", "make a backbone file from known weights"),
    "export-clip": (
        "tools.export_clip",
        "make the files of a CLIP's two networks from its weights",
    ),
    "make-video": ("tools.make_video", "make test videos from folders of pictures"),
    "simulate-defects": ("tools.simulate_defects", "draw defects of known size on pictures"),
    "demo": ("tools.demo", "fit an engine and inspect a moving web"),
}
"""Name of a command -> module with its `main`, and its purpose."""


def main(argv: list[str] | None = None) -> int:
    """argv: without the name of the program; None for sys.argv. Returns the exit code."""
    open_missing_streams()
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        print(describe_version())
        return 0
    command = name.replace("_", "-")
    if command not in COMMANDS:
        print(_unknown(name), file=sys.stderr)
        return USAGE_ERROR
    ends_process = argv is None
    options = {"ends_process": ends_process} if command == "run" else {}
    result: int = importlib.import_module(COMMANDS[command][0]).main(rest, **options)
    if ends_process:
        ignore_signals()
    return result


def _program() -> str:
    # Not at the top, because `run` must handle signals as soon as possible.
    from tools._cli import program

    return program()


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        (
            f"usage: {_program()} COMMAND ...",
            "",
            *lines,
            "",
            f"`{_program()} COMMAND --help` shows the options of a command.",
            f"`{_program()} --version` shows the installed version.",
        )
    )


def _unknown(name: str) -> str:
    similar = difflib.get_close_matches(name.replace("_", "-"), COMMANDS, n=1)
    hint = f"did you mean {similar[0]}?" if similar else f"`{_program()} --help` lists all commands"
    return f"error: there is no command {name!r}; {hint}"


if __name__ == "__main__":
    sys.exit(main())
