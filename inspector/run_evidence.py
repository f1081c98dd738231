"""Connects the outputs of a run with its evidence: chained lines, checkpoints and summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.core.chain import START, Sign
from inspector.core.protocols import HashedSink
from inspector.core.types import RunInfo
from inspector.evidence.options import EvidenceOptions
from inspector.evidence.signing import load_signing_key
from inspector.evidence.stage import EvidenceStage
from inspector.outputs.checkpoint_copies import CheckpointCopies
from inspector.outputs.folder import write_summary
from inspector.outputs.json_log import JsonLogSink
from inspector.outputs.lines import RecordLines
from inspector.pipeline.stages import Output


class RunEvidence:
    """The evidence of one run. shared: remote outputs take the lines of the log, too.

    chain: value of summary.json, once it is written. Raises ConfigError for a key or a folder that
    cannot be used.
    """

    def __init__(self, options: EvidenceOptions, *, shared: bool) -> None:
        self._options = options
        path = options.key_file
        key = None if path is None else load_signing_key(Path(path), "evidence.key_file")
        self.sign: Sign | None = None if key is None else key.sign
        self.key_id = None if key is None else key.key_id
        self.chain: str | None = None
        self.lines = RecordLines(
            shared=shared or options.checkpoint_dir is not None, sign=self.sign
        )
        self._copies: CheckpointCopies | None = None
        if options.checkpoint_dir is not None:
            self._copies = CheckpointCopies(Path(options.checkpoint_dir), self.lines)
        self._log: JsonLogSink | None = None
        self._stage: EvidenceStage | None = None

    def outputs(self) -> list[Output]:
        """The output that copies the checkpoints, if there is one."""
        return [] if self._copies is None else [Output(self._copies, fatal=False)]

    def connect(self, outputs: Sequence[Output], run: RunInfo) -> list[EvidenceStage]:
        """The stage that emits the checkpoints; none if the run writes no log."""
        sinks = [output.sink for output in outputs]
        self._log = next((sink for sink in sinks if isinstance(sink, JsonLogSink)), None)
        if self._log is None:
            return []
        hashed = [sink for sink in sinks if isinstance(sink, HashedSink)]
        frames = self._options.checkpoint_frames
        self._stage = EvidenceStage(hashed, run.output_dir, frames, self.key_id)
        return [self._stage]

    def write_summary(self, run: RunInfo, values: dict[str, Any]) -> None:
        """Writes summary.json with the evidence of the run. Raises SinkError."""
        if self._stage is None or self._log is None:
            self.chain = write_summary(run.output_dir, values, START, self.sign)
            return
        lines, last = self._log.end
        values |= {"evidence": self._stage.summary(self._log.end)}
        self.chain = write_summary(run.output_dir, values, last, self.sign)
        logger.info("evidence of {}: {} lines, chain {}", run.output_dir, lines, self.chain)
        if self._copies is not None:
            self._copies.finish(run, lines, self.chain)
