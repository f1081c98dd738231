"""Connects a slow or remote output through a disk outbox: the run appends, a thread delivers."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, Final

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.errors import SinkError
from inspector.core.events import Event
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.lines import RecordLines, encode_record
from inspector.outputs.outbox import Outbox, QueuedRecord
from inspector.outputs.sender import BusyError, QueueOptions, RefusedError, Sender
from inspector.outputs.turns import Turn

SYNC_EVERY_S: Final = 1.0
"""Interval at which appended records are synced to the disk, unless send() is running."""
GRACE_S: Final = 1.0
"""Time that close() waits for send() in addition to its time limit."""
GATHER_S: Final = 0.25
"""Pause after a delivery that was not full, so that the next one has more records. A delivery of
one record costs nearly as much CPU time as one of ten."""

HAND_OVER_POLL_S: Final = 0.05
WARN_EVERY_S: Final = 60.0
"""Shortest time between two warnings about dropped records, and about refused ones."""


class QueuedOutput:
    """A sink that passes records to a sender through an outbox: at least once, and in order.

    write() appends to the outbox and never waits for the receiver. It raises SinkError only if the
    disk fails, if the outbox is full and when_full is "stop", or after an error in the sender's
    code. The thread never stops trying to reach the receiver. begin_close() limits the time that is
    left: close() ends at most drain_s + timeout_s + 1 s later, even if the receiver hangs. While
    the sessions before still use the outbox, records wait in memory.

    name: of the output, and of its folder in options.dir. It may contain a slash. lines: makes the
    lines, for the log and all outputs; None: for this output alone.
    """

    def __init__(
        self, name: str, sender: Sender, options: QueueOptions, lines: RecordLines | None = None
    ) -> None:
        self.name = name
        self._sender = sender
        self._options = options
        self._lines = RecordLines() if lines is None else lines
        self._folder = Path(options.dir) / name
        self._outbox: Outbox | None = None
        self._early: list[bytes] = []
        """Records while the sessions before still use the outbox."""
        self._switching = threading.Lock()
        self._thread: Thread | None = None
        self._appended = threading.Event()
        self._closing = threading.Event()
        self._drain_end_ns = 0
        self._fault: BaseException | None = None
        self._dropped = 0
        self._warn_after_ns = self._warn_refused_after_ns = self._sync_after_ns = 0

    def open(self, run: RunInfo) -> None:
        """Opens the outbox and starts to deliver, first the records of earlier runs."""
        turn = Turn(self._folder)
        with contextlib.ExitStack() as stack:
            stack.callback(turn.leave)
            if turn.is_now:
                self._outbox = self._open_outbox()
            self._lines.start(run)
            stack.pop_all()
        self._thread = Thread(target=self._work, args=(turn,), name=self.name, daemon=True)
        self._thread.start()

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._require_open()
        for line in self._lines.inspection(inspection):
            self._append(line.record, line.text)

    def write_event(self, event: Event) -> None:
        self._require_open()
        line = self._lines.event(event)
        self._append(line.record, line.text)

    def put(self, record: dict[str, Any]) -> None:
        """Appends one record if the sender wants it."""
        self._append(record, encode_record(record))

    def _append(self, record: Mapping[str, Any], text: str) -> None:
        self._require_open()
        self._raise_fault()
        if not self._sender.wants(record):
            return
        with self._switching:
            outbox = self._outbox
            if outbox is None:
                self._early.append(text.encode())
        if outbox is not None:
            outbox.append(text.encode())
            self._warn_of_drops(outbox)
        self._appended.set()

    def _require_open(self) -> None:
        if self._thread is None:
            raise SinkError(f"output {self.name} cannot be written before it is open")

    def _open_outbox(self) -> Outbox:
        options = self._options
        outbox = Outbox(
            self._folder, max_bytes=round(options.max_mb * 1e6), when_full=options.when_full
        )
        if outbox.waiting:
            logger.info(
                "{}: {} records of earlier runs wait for delivery", self.name, outbox.waiting
            )
        return outbox

    def _take_over(self, turn: Turn) -> Outbox:
        """Waits until the sessions before have closed the outbox, and appends the early records.
        Raises SinkError if this output must close before. They close it in that time, unless their
        sender exceeds its time limit."""
        while not turn.wait(HAND_OVER_POLL_S):
            last_ns = self._drain_end_ns + round(self._options.timeout_s * 1e9)
            if self._closing.is_set() and now_ns() >= last_ns:
                raise SinkError(
                    f"{len(self._early)} records are not sent, because the session before still "
                    "uses the outbox; the log has them"
                )
        outbox = self._open_outbox()
        with self._switching:
            for body in self._early:
                outbox.append(body)
            self._early.clear()
            self._outbox = outbox
        return outbox

    def counts(self) -> dict[str, int]:
        """Numbers of records: waiting_at_start (from earlier runs) + appended (by this run) =
        delivered + refused + dropped (all during this run, from this and earlier runs) + waiting
        (now)."""
        outbox = self._outbox
        names = ("waiting_at_start", "appended", "delivered", "refused", "dropped", "waiting")
        return {name: 0 if outbox is None else getattr(outbox, name) for name in names}

    def begin_close(self) -> None:
        """Limits the delivery of waiting records to drain_s from now. Does not wait."""
        if self._thread is not None and not self._closing.is_set():
            self._drain_end_ns = now_ns() + round(self._options.drain_s * 1e9)
            self._closing.set()
            self._appended.set()

    def close(self) -> None:
        """Waits for the end of the delivery. Raises SinkError if the sender fails."""
        self.begin_close()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        drain_left_s = (self._drain_end_ns - now_ns()) / 1e9
        thread.join(max(0.0, drain_left_s + self._options.timeout_s + GRACE_S))
        if thread.is_alive():
            # The process can still end. If the thread ends later, it closes the outbox.
            logger.error(
                "output {} did not end in time; unconfirmed records stay in the outbox", self.name
            )
        if (outbox := self._outbox) is not None:
            lacks = outbox.waiting or outbox.refused or outbox.dropped
            level = "WARNING" if lacks else "INFO"
            logger.log(level, "output {}: {}; outbox {}", self.name, self.counts(), outbox.path)
        self._raise_fault()

    def _work(self, turn: Turn) -> None:
        try:
            with contextlib.closing(self._outbox or self._take_over(turn)) as outbox:
                try:
                    self._deliver(outbox, turn)
                finally:
                    self._close_sender()
        except OSError as exc:
            self._fault = exc
        finally:
            # Store an error of any other class too, so that the next write() ends the run.
            self._fault = self._fault or sys.exception()
            turn.leave()

    def _close_sender(self) -> None:
        """Logs an OSError only, because the receiver has already confirmed what it received."""
        try:
            self._sender.close()
        except OSError as exc:
            logger.warning("output {}: its connection could not be closed: {}", self.name, exc)

    def _deliver(self, outbox: Outbox, turn: Turn) -> None:
        options, batch_size = self._options, self._sender.batch
        delay_s, most, failed = options.retry_first_s, batch_size, False
        while not self._must_end(turn, failed):
            self._sync_when_due(outbox)
            self._appended.clear()
            # Read this before the outbox, because no record follows close().
            closing = self._closing.is_set()
            batch = outbox.oldest(most)
            if not batch:
                if closing:
                    return
                self._appended.wait(SYNC_EVERY_S)
                continue
            try:
                self._sender.send(batch, options.timeout_s)
            except OSError as exc:
                most = max(1, len(batch) // 2)  # so that a link that breaks often makes progress
                if isinstance(exc, RefusedError):
                    if len(batch) > 1:
                        continue  # to find the record that is refused
                    outbox.confirm(batch, refused=True)
                    self._warn_of_refusal(outbox, batch, exc)
                elif not failed:
                    logger.warning(
                        "output {} cannot deliver and will try again: {}", self.name, exc
                    )
                    failed = True
                asked_s = exc.retry_after_s if isinstance(exc, BusyError) else 0.0
                # After a refusal too, so that a receiver that refuses everything loses little.
                self._pause(outbox, turn, max(delay_s, min(asked_s, options.retry_max_s)))
                delay_s = min(2 * delay_s, options.retry_max_s)
                continue
            outbox.confirm(batch)
            if failed:
                logger.info("output {} delivers again; {} records wait", self.name, outbox.waiting)
            delay_s, most, failed = options.retry_first_s, min(2 * most, batch_size), False
            if len(batch) < most:
                self._closing.wait(GATHER_S)

    def _must_end(self, turn: Turn, failed: bool) -> bool:
        """Whether the time of the delivery is over. If it fails, a later session tries again."""
        if not self._closing.is_set():
            return False
        return now_ns() >= self._drain_end_ns or (failed and turn.is_awaited)

    def _pause(self, outbox: Outbox, turn: Turn, delay_s: float) -> None:
        """Waits between two attempts. The end of the run shortens it, for a last attempt."""
        end_ns = now_ns() + round(delay_s * 1e9)
        draining = self._closing.is_set()
        if draining:
            end_ns = min(end_ns, self._drain_end_ns)
        while (left_s := (end_ns - now_ns()) / 1e9) > 0:
            self._sync_when_due(outbox)
            wait_s = min(left_s, SYNC_EVERY_S)
            if draining:
                if turn.is_awaited:
                    return
                time.sleep(wait_s)
            elif self._closing.wait(wait_s):
                return

    def _sync_when_due(self, outbox: Outbox) -> None:
        if now_ns() >= self._sync_after_ns:
            outbox.sync()
            self._sync_after_ns = now_ns() + round(SYNC_EVERY_S * 1e9)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault = self._fault
            reason = str(fault) if isinstance(fault, SinkError) else repr(fault)
            raise SinkError(f"output {self.name} failed: {reason}") from fault

    def _warn_of_drops(self, outbox: Outbox) -> None:
        if outbox.dropped > self._dropped and now_ns() >= self._warn_after_ns:
            self._warn_after_ns = now_ns() + round(WARN_EVERY_S * 1e9)
            logger.warning(
                "output {}: the outbox is full; this run dropped {} oldest records, {} wait",
                self.name,
                outbox.dropped,
                outbox.waiting,
            )
        self._dropped = outbox.dropped

    def _warn_of_refusal(
        self, outbox: Outbox, batch: Sequence[QueuedRecord], reason: OSError
    ) -> None:
        if now_ns() >= self._warn_refused_after_ns:
            self._warn_refused_after_ns = now_ns() + round(WARN_EVERY_S * 1e9)
            logger.warning(
                "output {}: {} records were refused and left out; the log has them. The last one "
                "is {}: {}",
                *(self.name, outbox.refused, json.loads(batch[0].body).get("event_id"), reason),
            )
