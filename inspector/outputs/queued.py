"""Puts a slow or remote output behind a disk outbox: the pipeline appends, a thread delivers."""

import contextlib
import json
import sys
import threading
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
from inspector.outputs.outbox import BATCH, Outbox
from inspector.outputs.records import event_record, inspection_records, json_value
from inspector.outputs.sender import QueueOptions, Sender

SYNC_EVERY_S: Final = 1.0
"""How often appended records are brought to the disk itself, while no send() is under way."""
GRACE_S: Final = 1.0
"""How much longer than its time limit a send() may take at close()."""
WARN_EVERY_S: Final = 60.0
"""The shortest time between two warnings of dropped records."""


class QueuedOutput:
    """A sink that hands records to a sender through an outbox: at least once, and in order.

    write() appends to the outbox and returns; it never waits for the receiver. Only a failing disk,
    a full outbox under "stop", or a fault in the sender's code makes it raise SinkError. An
    unreachable receiver is tried again without end. close() takes drain_s + timeout_s + 1 s at
    most, even when the receiver hangs.

    name: of the output; names its folder below options.dir.
    """

    def __init__(self, name: str, sender: Sender, options: QueueOptions) -> None:
        self.name = name
        self._sender = sender
        self._options = options
        self._run: RunInfo | None = None
        self._outbox: Outbox | None = None
        self._thread: Thread | None = None
        self._appended = threading.Event()
        self._closing = threading.Event()
        self._stopped = threading.Event()
        self._fault: BaseException | None = None
        self._dropped = 0
        self._warn_after_ns = self._sync_after_ns = 0

    def open(self, run: RunInfo) -> None:
        """Also starts to deliver what an earlier run left."""
        options = self._options
        outbox = Outbox(
            Path(options.dir) / self.name,
            max_bytes=round(options.max_mb * 1e6),
            when_full=options.when_full,
        )
        if outbox.waiting:
            logger.info("{}: {} records of earlier runs wait", self.name, outbox.waiting)
        self._run = run
        self._outbox = outbox
        self._thread = Thread(target=self._work, args=(outbox,), name=self.name, daemon=True)
        self._thread.start()

    def write(self, inspection: Inspection, picture: Picture) -> None:
        for record in inspection_records(self._opened_run(), inspection):
            self.put(record)

    def write_event(self, event: Event) -> None:
        self.put(event_record(self._opened_run(), event))

    def put(self, record: Mapping[str, Any]) -> None:
        """Appends one record where the sender wants it."""
        if self._outbox is None:
            raise SinkError(f"output {self.name} is written before it is open")
        self._raise_fault()
        if not self._sender.wants(record):
            return
        try:
            text = json.dumps(record, allow_nan=False, separators=(",", ":"), default=json_value)
        except (TypeError, ValueError) as exc:
            which = record.get("event_id")
            raise SinkError(f"output {self.name}: record {which} is not JSON: {exc}") from exc
        self._outbox.append(text.encode())
        self._appended.set()
        self._warn_of_drops(self._outbox)

    def _opened_run(self) -> RunInfo:
        if self._run is None:
            raise SinkError(f"output {self.name} is written before it is open")
        return self._run

    def counts(self) -> dict[str, int]:
        """Records of this run: appended, delivered, dropped; and those that wait now."""
        outbox = self._outbox
        names = ("appended", "delivered", "dropped", "waiting")
        return {name: 0 if outbox is None else getattr(outbox, name) for name in names}

    def close(self) -> None:
        """Delivers for drain_s what waits. Raises SinkError after a fault in the sender's code."""
        thread, self._thread = self._thread, None
        if thread is None or self._outbox is None:
            return
        self._closing.set()
        self._appended.set()
        thread.join(self._options.drain_s)
        self._stopped.set()
        thread.join(self._options.timeout_s + GRACE_S)
        if thread.is_alive():
            # The process can end all the same. If the thread ends later, it closes the outbox.
            logger.error("output {} did not end; what it has not confirmed stays", self.name)
        level = "WARNING" if self._outbox.waiting or self._outbox.dropped else "INFO"
        logger.log(level, "output {}: {}; outbox {}", self.name, self.counts(), self._outbox.path)
        self._raise_fault()

    def _work(self, outbox: Outbox) -> None:
        try:
            with contextlib.closing(outbox), contextlib.closing(self._sender):
                self._deliver(outbox)
        except OSError as exc:
            self._fault = exc
        finally:
            # An error of any other class is kept as well, so that the next write() ends the run.
            self._fault = self._fault or sys.exception()

    def _deliver(self, outbox: Outbox) -> None:
        options = self._options
        delay_s, most, failed = options.retry_first_s, BATCH, False
        while not self._stopped.is_set():
            self._sync_when_due(outbox)
            self._appended.clear()
            closing = self._closing.is_set()  # before the outbox is read: nothing follows close()
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
                    logger.warning("output {} cannot deliver, tries again: {}", self.name, exc)
                failed = True
                self._pause(outbox, delay_s)
                delay_s = min(2 * delay_s, options.retry_max_s)
                most = max(1, most // 2)  # a link that breaks again and again still gets further
                continue
            outbox.confirm(batch)
            if failed:
                logger.info("output {} delivers again; {} records wait", self.name, outbox.waiting)
            delay_s, most, failed = options.retry_first_s, min(2 * most, BATCH), False

    def _pause(self, outbox: Outbox, delay_s: float) -> None:
        """Between two tries. The end of the run cuts it short for one more try."""
        end_ns = now_ns() + round(delay_s * 1e9)
        ending = self._stopped if self._closing.is_set() else self._closing
        while (left_s := (end_ns - now_ns()) / 1e9) > 0:
            self._sync_when_due(outbox)
            if ending.wait(min(left_s, SYNC_EVERY_S)):
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
                "output {}: the outbox is full, {} oldest records dropped in this run; {} wait",
                self.name,
                outbox.dropped,
                outbox.waiting,
            )
        self._dropped = outbox.dropped
