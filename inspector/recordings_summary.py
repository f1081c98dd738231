"""The results of many recordings, and the summary over all of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loguru import logger

from inspector.config import Config
from inspector.core.clock import utc_now
from inspector.early_signals import code_of
from inspector.evidence.signing import load_signing_key
from inspector.outputs.folder import write_summary
from inspector.session_summary import COUNTS

NO_COUNTS: Final = dict.fromkeys(COUNTS, 0)


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """How the inspection of a recording ended. status: finished, stopped, failed or not started.
    counts: of its frames, see COUNTS. chain: value of its summary.json. reused: whether an earlier
    call inspected it.
    """

    name: str
    source: str
    status: str
    exit_code: int
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=NO_COUNTS.copy)
    chain: str | None = None
    reused: bool = False

    def describe(self) -> str:
        """One line with the counts."""
        text = (
            "captured {captured} = inspected {inspected} + dropped {dropped} + errored {errored}; "
            "{failed} failed"
        )
        return f"{self.status}, {text.format(**self.counts)}"

    def plain(self) -> dict[str, Any]:
        """The entry in the summary. dir: relative to the folder of the summary."""
        return {
            "name": self.name,
            "dir": self.name,
            "source": self.source,
            "status": self.status,
            "exit_code": self.exit_code,
            "error": self.error,
            "reused": self.reused,
            **self.counts,
        }


def read_result(name: str, path: Path) -> RecordingResult | None:
    """The result that a summary.json describes; None if there is none, or if it is damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return RecordingResult(
            name,
            *(str(values["source"]), str(values["status"]), int(values["exit_code"])),
            error=values["error"],
            counts={count: int(values[count]) for count in COUNTS},
            chain=values["chain"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class RecordingsSummary:
    """Collects the results and writes summary.json. It has the keys of the summary over a list of
    sources, so that report and verify read both."""

    def __init__(self, folder: Path, run_id: str, config: Config) -> None:
        """Raises ConfigError for a key that cannot be used."""
        self._folder, self._run_id = folder, run_id
        path = config.evidence.key_file
        self._key = None if path is None else load_signing_key(Path(path), "evidence.key_file")
        self._results: list[RecordingResult] = []
        self._started_utc = utc_now()

    def add(self, result: RecordingResult) -> None:
        self._results.append(result)

    @property
    def failed(self) -> list[str]:
        """Names of the recordings that failed."""
        return sorted(each.name for each in self._results if each.status == "failed")

    @property
    def has_results(self) -> bool:
        return any(result.counts["captured"] for result in self._results)

    def write(self, signals: Sequence[int]) -> int:
        """Writes the summary and returns the exit code: the highest code of a recording that
        failed; otherwise the code of the first signal, or the highest code. Raises SinkError."""
        results = sorted(self._results, key=lambda result: result.name)
        codes = [result.exit_code for result in results if result.status == "failed"]
        if not codes:
            codes = [result.exit_code for result in results]
            codes += [code_of(number) for number in signals[:1]]
        code = max(codes)
        failed = self.failed
        status = "failed" if failed else "stopped"
        if all(result.status == "finished" for result in results):
            status = "finished"
        total = {name: sum(result.counts[name] for result in results) for name in COUNTS}
        reasons = [f"{each.name}: {each.error}" for each in results if each.status == "failed"]
        values = {
            "total": total,
            "parts": None,
            "run_id": self._run_id,
            "status": status,
            "exit_code": code,
            "error": "; ".join(reasons) or None,
            "output_dir": str(self._folder),
            "started_utc": self._started_utc,
            "ended_utc": utc_now(),
            "sources": [result.plain() for result in results],
            "evidence": {
                "sources": {each.name: each.chain for each in results if each.chain is not None},
                "key_id": None if self._key is None else self._key.key_id,
            },
        }
        sign = None if self._key is None else self._key.sign
        write_summary(self._folder, values, sign=sign)
        logger.info(
            "all recordings: captured {captured} = inspected {inspected} + dropped {dropped} + "
            "errored {errored}; summary in {folder}",
            **total,
            folder=self._folder,
        )
        return code
