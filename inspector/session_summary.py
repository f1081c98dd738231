"""Writes the summary over all sources of a session."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from loguru import logger

from inspector.core.chain import Sign
from inspector.core.clock import utc_now
from inspector.core.errors import InspectorError
from inspector.core.file_hash import FileState, plain_states
from inspector.outputs.folder import PARTS, ResultFolder, write_summary
from inspector.outputs.folder_watch import FolderWatch
from inspector.outputs.options import OutputOptions
from inspector.outputs.part_table import PartTable
from inspector.parts.joiner import PartJoiner
from inspector.run import Run, RunOutcome, error_text

COUNTS: Final = (
    *("expected", "captured", "missing"),
    *("inspected", "dropped", "errored", "passed", "failed"),
)
"""Counts of frames, for each source and in total. captured == inspected + dropped + errored, and
expected == captured + missing."""


class SessionSummary:
    """Writes summary.json into the folder that contains the folders of the sources."""

    def __init__(
        self, folder: Path, options: OutputOptions, *, joiner: PartJoiner | None = None
    ) -> None:
        """joiner: of the parts of several sources. Their table is in this folder, too."""
        self._path, self._csv = folder, options.csv
        self._folder = ResultFolder(folder, overwrite=options.overwrite)
        self._sign: Sign | None = None
        self._started_utc = utc_now()
        self._open = False
        self._run_id = ""
        self._joiner = joiner
        self._parts: PartTable | None = None
        self._watch: FolderWatch | None = None

    @property
    def lacks_good_parts(self) -> bool:
        """Whether a part of several sources is FAIL or ERROR, or there was none."""
        return self._joiner is not None and not self._joiner.totals.all_passed

    def lock(self) -> None:
        """Creates and locks the folder. Raises ConfigError if another run writes into it."""
        self._folder.lock()

    def open(self, run: Run) -> None:
        """Removes earlier results from the locked folder. Raises ConfigError."""
        self._folder.clear()
        self._run_id = run.info.run_id
        if self._joiner is not None:
            self._parts = PartTable(self._path / PARTS, run.info, self._csv)
            self._joiner.on_part = self._parts.write
            self._watch = FolderWatch(self._path, (PARTS,), ())
        self._sign = run.evidence.sign
        self._open = True

    def write(self, results: Sequence[RunOutcome], code: int, error: InspectorError | None) -> None:
        """Does nothing if no source began to write. Raises SinkError."""
        if not self._open:
            return
        values = self._values(results, code, error)
        parts = "" if self._joiner is None else f"{self._joiner.totals.describe()}; "
        logger.info(
            "all sources: captured {captured} = inspected {inspected} + dropped {dropped} + "
            "errored {errored}; {parts}summary in {folder}",
            **values["total"],
            parts=parts,
            folder=self._path,
        )
        self._folder.check_place()
        write_summary(self._path, values, sign=self._sign)

    def check(self) -> None:
        """Raises SinkError if the table of parts was removed, moved, replaced or shortened."""
        failure = None if self._watch is None else self._watch.failure()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Completes the table of parts and unlocks the folder."""
        if self._watch is not None:
            self._watch.stop()
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.close()
        self._folder.close()

    def _values(
        self, results: Sequence[RunOutcome], code: int, error: InspectorError | None
    ) -> dict[str, Any]:
        sources = sorted(map(_make_entry, results), key=itemgetter("name"))
        statuses = {result.status for result in results}
        return {
            "total": {name: sum(source[name] for source in sources) for name in COUNTS},
            "parts": None if self._joiner is None else self._joiner.summary(),
            "run_id": self._run_id,
            "check": results[0].run.info.check,
            "status": next(s for s in ("failed", "stopped", "finished") if s in statuses),
            "exit_code": code,
            "error": error_text(error),
            "output_dir": str(self._path),
            "started_utc": self._started_utc,
            "ended_utc": utc_now(),
            "sources": sources,
            "evidence": {
                "sources": {r.run.info.source_name: r.run.evidence.chain for r in results},
                "files": plain_states(self._states()),
                "key_id": results[0].run.evidence.key_id,
            },
        }

    def _states(self) -> dict[str, FileState | None]:
        """The table of parts, if the session writes it."""
        return {} if self._parts is None else {PARTS: self._parts.hash.state()}


def find_joiner(runs: Sequence[Run]) -> PartJoiner | None:
    """The joiner of the parts of several sources; None if no parts are joined."""
    stages = (run.events.parts for run in runs)
    joiners = (stage.joiner for stage in stages if stage is not None and stage.joiner.joins)
    return next(joiners, None)


def _make_entry(result: RunOutcome) -> dict[str, Any]:
    """The entry of one source. dir: its folder, relative to the folder of the summary."""
    counts = result.run.pipeline.stats.as_dict()
    return {
        "name": result.run.info.source_name,
        "dir": result.run.info.output_dir.name,
        "source": result.run.info.source.source_id,
        "status": result.status,
        "exit_code": result.exit_code,
        "error": result.sentence,
        **{name: counts[name] for name in COUNTS},
    }
