"""Connects a slow or remote output through a disk outbox: the run appends, a thread delivers."""

import contextlib
import sys
import threading
import time
from collections.abc import Mapping
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
from inspector.outputs.outbox import BATCH, Outbox, is_open_here
from inspector.outputs.sender import QueueOptions, Sender

SYNC_EVERY_S: Final = 1.0
"""Interval at which appended records are synced to the disk, unless send() is running."""
GRACE_S: Final = 1.0
"""Time that close() waits for send() in addition to its time limit."""
HAND_OVER_POLL_S: Final = 0.05
WARN_EVERY_S: Final = 60.0
"""Shortest time between two warnings about dropped records."""


class QueuedOutput:
    """A sink that passes records to a sender through an outbox: at least once, and in order.

    write() appends to the outbox and never waits for the receiver. It raises SinkError only if the
    disk fails, if the outbox is full and when_full is "stop", or after an error in the sender's
    code. The thread never stops trying to reach the receiver. begin_close() limits the time that is
    left: close() ends at most drain_s + timeout_s + 1 s later, even if the receiver hangs. While
    the session before still uses the outbox, records wait in memory.

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
        """Records while the session before still uses the outbox."""
        self._switching = threading.Lock()
        self._thread: Thread | None = None
        self._appended = threading.Event()
        self._closing = threading.Event()
        self._drain_end_ns = 0
        self._fault: BaseException | None = None
        self._dropped = 0
        self._warn_after_ns = self._sync_after_ns = 0

    def open(self, run: RunInfo) -> None:
        """Opens the outbox and starts to deliver, first the records of earlier runs."""
        if not is_open_here(self._folder):
            self._outbox = self._open_outbox()
        self._lines.start(run)
        self._thread = Thread(target=self._work, name=self.name, daemon=True)
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

    def _take_over(self) -> Outbox:
        """Waits until the session before has closed the outbox, and appends the early records.
        Raises SinkError if this output must close before."""
        while is_open_here(self._folder):
            if self._closing.is_set() and now_ns() >= self._drain_end_ns:
                raise SinkError(
                    f"{len(self._early)} records are not sent, because the session before still "
                    "uses the outbox; the log has them"
                )
            time.sleep(HAND_OVER_POLL_S)
        outbox = self._open_outbox()
        with self._switching:
            for body in self._early:
                outbox.append(body)
            self._early.clear()
            self._outbox = outbox
        return outbox

    def counts(self) -> dict[str, int]:
        """Numbers of records: waiting_at_start (from earlier runs) + appended (by this run) =
        delivered + dropped (both during this run, from this and earlier runs) + waiting (now)."""
        outbox = self._outbox
        names = ("waiting_at_start", "appended", "delivered", "dropped", "waiting")
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
            level = "WARNING" if outbox.waiting or outbox.dropped else "INFO"
            logger.log(level, "output {}: {}; outbox {}", self.name, self.counts(), outbox.path)
        self._raise_fault()

    def _work(self) -> None:
        try:
            with contextlib.closing(self._outbox or self._take_over()) as outbox:
                try:
                    self._deliver(outbox)
                finally:
                    self._close_sender()
        except OSError as exc:
            self._fault = exc
        finally:
            # Store an error of any other class too, so that the next write() ends the run.
            self._fault = self._fault or sys.exception()

    def _close_sender(self) -> None:
        """Logs an OSError only, because the receiver has already confirmed what it received."""
        try:
            self._sender.close()
        except OSError as exc:
            logger.warning("output {}: its connection could not be closed: {}", self.name, exc)

    def _deliver(self, outbox: Outbox) -> None:
        options = self._options
        delay_s, most, failed = options.retry_first_s, BATCH, False
        while not (self._closing.is_set() and now_ns() >= self._drain_end_ns):
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
                if not failed:
                    logger.warning(
                        "output {} cannot deliver and will try again: {}", self.name, exc
                    )
                failed = True
                self._pause(outbox, delay_s)
                delay_s = min(2 * delay_s, options.retry_max_s)
                most = max(1, most // 2)  # so that a link that breaks often still makes progress
                continue
            outbox.confirm(batch)
            if failed:
                logger.info("output {} delivers again; {} records wait", self.name, outbox.waiting)
            delay_s, most, failed = options.retry_first_s, min(2 * most, BATCH), False

    def _pause(self, outbox: Outbox, delay_s: float) -> None:
        """Waits between two attempts. The end of the run shortens it, for a last attempt."""
        end_ns = now_ns() + round(delay_s * 1e9)
        draining = self._closing.is_set()
        if draining:
            end_ns = min(end_ns, self._drain_end_ns)
        while (left_s := (end_ns - now_ns()) / 1e9) > 0:
            self._sync_when_due(outbox)
            wait_s = min(left_s, SYNC_EVERY_S)
            if draining:
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
