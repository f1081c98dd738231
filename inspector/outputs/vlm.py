"""Sends pictures of defects to a vision language model, and stores its answers beside the rules.

The run appends a question to an outbox and never waits. A thread asks the model. The answers are in
generated.jsonl in the folder of the run; they change no verdict and no line of the log.
"""

import base64
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import Annotated, Any, Final

import numpy as np
from loguru import logger

from inspector.core.arrays import Image, Mask
from inspector.core.clock import now_ns, utc_now
from inspector.core.errors import ConfigError, SinkError
from inspector.core.events import DefectClosed, Event
from inspector.core.explanation import CONFIDENCES, KINDS
from inspector.core.files import append_line
from inspector.core.geometry import sample_mask
from inspector.core.protocols import Picture
from inspector.core.records import event_id
from inspector.core.schema import OneOf, build
from inspector.core.secrets import insert_secrets
from inspector.core.types import ON_FRAME, Defect, Inspection, RunInfo
from inspector.explain.options import VlmOptions
from inspector.outputs.chat_client import ChatClient
from inspector.outputs.folder import GENERATED, LOG
from inspector.outputs.jpeg import encode_jpeg
from inspector.outputs.outbox import QueuedRecord
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import QueueOptions, RefusedError
from inspector.render.close_up import CutOut, cut_out

QUALITY: Final = 85
MOST_LETTERS: Final = 400
"""A longer description is refused."""

GREY: Final = 128
"""Pixels that are not inspected have this value in the pictures."""

DRAIN_S: Final = 3.0
MINUTE_NS: Final = 60_000_000_000
_TYPE: Final = "vlm_question"

_PROMPT: Final = (
    "The picture shows a place on a product where an inspection system measured a defect. Pixels "
    "outside the inspected area are grey. The measurements and the kind by rules follow as JSON. "
    "Say what the picture shows. Answer with one JSON object with the keys kind (one of "
    f"{', '.join(KINDS)}), confidence (one of {', '.join(CONFIDENCES)}) and description (plain "
    f"text of at most {MOST_LETTERS} letters), and nothing else."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A valid answer of the model."""

    kind: Annotated[str, OneOf(*KINDS)]
    confidence: Annotated[str, OneOf(*CONFIDENCES)]
    description: str


class VlmOutput(QueuedOutput):
    """Sends each explained defect once: with tracking each track, otherwise each sighting.

    inspected: (h, w) mask of the map, True where the engine inspects; None for the whole map.
    source: name of the source in the list of sources; None without such a list. Raises ConfigError
    for options that cannot be used.
    """

    def __init__(
        self, options: VlmOptions, inspected: Mask | None, source: str | None = None
    ) -> None:
        self._asking = VlmSender(options)
        queue = QueueOptions(dir=options.dir, max_mb=options.max_mb, timeout_s=1.0, drain_s=DRAIN_S)
        super().__init__("vlm" if source is None else f"{source}/vlm", self._asking, queue)
        self._per_minute = options.per_minute
        self._inspected = inspected
        self._run: RunInfo | None = None
        self._sent_ns: deque[int] = deque()
        self._tracks: set[str] = set()
        self._skipped = 0

    def open(self, run: RunInfo) -> None:
        self._run = run
        super().open(run)

    def write(self, inspection: Inspection, picture: Picture) -> None:
        image = inspection.frame.image
        if image is None or inspection.to_frame is None:
            return
        for defect in inspection.defects:
            if self._is_new(defect) and self._has_budget():
                part = cut_out(image, defect)
                masked = mask_outside(part, inspection, self._inspected)
                self.put(self._make_question(inspection, defect, masked))

    def write_event(self, event: Event) -> None:
        """Sends nothing: the views of a track were sent while their frames were in memory."""
        if isinstance(event, DefectClosed):  # so that memory does not grow over months
            self._tracks.difference_update((event.track_id, *event.merged_track_ids))

    def begin_close(self) -> None:
        super().begin_close()
        timer = Timer(DRAIN_S, self._asking.client.stop)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        if self._skipped:
            logger.warning(
                "output {}: {} defects were not sent because of explain.vlm.per_minute",
                self.name,
                self._skipped,
            )
            self._skipped = 0
        super().close()

    def _is_new(self, defect: Defect) -> bool:
        if defect.explanation is None or defect.size_source not in ON_FRAME:
            return False
        track = None if defect.web is None else defect.web.track_id
        if defect.web is None:
            return True
        if track is None or track in self._tracks or defect.truncated:
            return False
        self._tracks.add(track)
        return True

    def _has_budget(self) -> bool:
        now = now_ns()
        while self._sent_ns and now - self._sent_ns[0] >= MINUTE_NS:
            self._sent_ns.popleft()
        if self._per_minute and len(self._sent_ns) >= self._per_minute:
            self._skipped += 1
            return False
        self._sent_ns.append(now)
        return True

    def _make_question(
        self, inspection: Inspection, defect: Defect, image: Image
    ) -> dict[str, Any]:
        assert self._run is not None  # open
        assert defect.explanation is not None  # _is_new
        run, seq = self._run, inspection.seq + 1
        facts = {name: getattr(defect, name) for name in _FACTS}
        jpeg = encode_jpeg(image, QUALITY, Path("the picture for the model"))
        return {
            "type": _TYPE,
            "folder": str(run.output_dir.resolve()),
            "event_id": event_id(run.run_id, run.source_name, seq),
            "frame_id": inspection.frame_id,
            "defect_id": defect.defect_id,
            "track_id": None if defect.web is None else defect.web.track_id,
            "facts": facts | {"explanation": asdict(defect.explanation)},
            "jpeg": base64.b64encode(jpeg).decode("ascii"),
        }


_FACTS: Final = (
    *("severity", "size_source", "truncated", "length_mm", "width_mm", "area_mm2"),
    *("length_px", "width_px", "area_px"),
)
"""Fields of a defect that the model gets."""


class VlmSender:
    """Asks the model about each record, and appends its answer to generated.jsonl of the run."""

    batch = 1

    def __init__(self, options: VlmOptions) -> None:
        if options.url is None or options.model is None:
            raise ConfigError("explain.vlm needs both url and model")
        key = None
        if options.key_env is not None:
            key = insert_secrets(f"${{{options.key_env}}}", "explain.vlm.key_env")
        self.client = ChatClient(options.url, key, options.timeout_s)
        self._model = options.model

    def wants(self, record: Mapping[str, Any]) -> bool:
        return record["type"] == _TYPE

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        """The time of a question is limited by the client."""
        for record in records:
            self._answer(json.loads(record.body))

    def close(self) -> None:
        """Does nothing: each question has a separate connection."""

    def _answer(self, question: dict[str, Any]) -> None:
        values: dict[str, Any] = {"kind": None, "confidence": None, "description": None}
        error = None
        try:
            text = self.client.ask(make_request(question, self._model))
            values = asdict(check_answer(text))
        except RefusedError as exc:
            error = str(exc)
            logger.warning("vlm: no answer about {}: {}", question["event_id"], error)
        names = ("event_id", "frame_id", "defect_id", "track_id")
        line = {
            "generated": True,
            "model": self._model,
            "wall_time_utc": utc_now(),
            **{name: question[name] for name in names},
            **values,
            "error": error,
        }
        folder = Path(question["folder"])
        if not (folder / LOG).is_file():
            logger.warning("vlm: {} is gone, so an answer was dropped", folder)
            return
        try:
            append_line(folder / GENERATED, f"{json.dumps(line)}\n".encode("ascii"))
        except OSError as exc:
            raise SinkError(f"{folder / GENERATED} cannot be written: {exc.strerror}") from exc


def make_request(question: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The body of a chat completion with a picture and a schema for the answer."""
    url = f"data:image/jpeg;base64,{question['jpeg']}"
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": list(KINDS)},
            "confidence": {"enum": list(CONFIDENCES)},
            "description": {"type": "string", "maxLength": MOST_LETTERS},
        },
        "required": ["kind", "confidence", "description"],
        "additionalProperties": False,
    }
    return {
        "model": model,
        "temperature": 0,
        "max_tokens": 300,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "defect", "strict": True, "schema": schema},
        },
        "messages": [
            {"role": "system", "content": _PROMPT},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": json.dumps(question["facts"])},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            },
        ],
    }


def check_answer(text: str) -> Answer:
    """Checks the text of a model against the schema. Raises RefusedError."""
    try:
        values = json.loads(text)
        answer = build(Answer, values, ValueError)
        if not isinstance(values["description"], str):  # build() takes a number for a text
            raise ValueError("the description is no text")
    except (ValueError, RecursionError) as exc:
        raise RefusedError("the answer is not valid: it is no JSON object of the schema") from exc
    if len(answer.description) > MOST_LETTERS:
        raise RefusedError(f"the description has more than {MOST_LETTERS} letters")
    if not answer.description.isprintable():
        raise RefusedError("the description has control characters")
    return answer


def mask_outside(part: CutOut, inspection: Inspection, inspected: Mask | None) -> Image:
    """The cut-out with grey pixels where the engine does not inspect: outside the map, and where
    the mask is False. inspected: (h, w) of the map; None for the whole map."""
    assert inspection.to_frame is not None
    assert inspection.anomaly_map is not None
    mask = np.ones(inspection.anomaly_map.shape, bool) if inspected is None else inspected
    to_map = inspection.to_frame.inverse().after(part.to_image.inverse())
    inside = sample_mask(mask, to_map, (part.image.shape[0], part.image.shape[1]))
    return np.where(inside[..., None], part.image, np.uint8(GREY))
