"""The text tower of a CLIP as a file, and the vectors of texts.

The file is an ONNX file with the input `tokens` (N, L) int64 and the output `text` (N, E) float32.
Its metadata hold under METADATA_KEY the fields of TextInfo except sha256, and the vocabulary of its
tokenizer.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import onnx

from inspector.core.errors import SpecError
from learning.backbones.clip_tokenizer import Tokenizer, Vocabulary
from learning.backbones.clip_towers import TEXT, TOKENS
from learning.backbones.features import open_session
from learning.backbones.zoo import dims_of, read_network

METADATA_KEY: Final = "inspector_text_encoder"

BATCH: Final = 64
"""Texts that pass through the network together."""


@dataclass(frozen=True, slots=True)
class TextInfo:
    """What the file of a text tower says about itself.

    context: most tokens of a text, start and end included. channels: of the vectors. licence,
    origin: of the weights. weights_sha256: of the file that they were exported from; the visual
    tower of the same CLIP has the same. sha256: of the file itself, empty before it is written.
    """

    name: str
    context: int
    channels: int
    licence: str
    origin: str
    weights_sha256: str
    sha256: str = ""

    def write_to(self, model: onnx.ModelProto, vocabulary: Vocabulary) -> None:
        """Stores all fields except sha256, and the vocabulary, in the model's metadata."""
        values = dataclasses.asdict(self) | {"vocabulary": vocabulary.as_json()}
        del values["sha256"]
        onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(values, sort_keys=True)})


def describe_text(path: Path) -> tuple[TextInfo, Vocabulary]:
    """Reads and checks the file of a text tower. Raises SpecError if it is none."""
    model, sha256 = read_network(path)
    text = {prop.key: prop.value for prop in model.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise SpecError(
            f"{path} is no text tower: its metadata lack {METADATA_KEY!r}; export-clip writes one "
            "beside each backbone"
        )
    try:
        values: dict[str, Any] = json.loads(text)
        vocabulary = Vocabulary.from_json(values.pop("vocabulary"))
        info = TextInfo(**values, sha256=sha256)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise SpecError(f"{path}: the metadata {METADATA_KEY!r} are malformed: {exc}") from exc
    texts = (info.name, info.licence, info.origin, info.weights_sha256)
    sizes = (info.context, info.channels)
    if not all(isinstance(t, str) for t in texts) or not all(isinstance(s, int) for s in sizes):
        raise SpecError(f"{path}: the metadata {METADATA_KEY!r} have fields of a wrong type")
    inputs = [value.name for value in model.graph.input]
    outputs = {value.name: dims_of(value) for value in model.graph.output}
    dims = outputs.get(TEXT, [])
    if inputs != [TOKENS] or info.context < 3 or len(dims) != 2 or dims[1] != info.channels:
        raise SpecError(
            f"{path}: a text tower has the input {TOKENS!r} and the output {TEXT!r} with "
            f"{info.channels} channels, not {inputs} and {outputs}"
        )
    return info, vocabulary


class TextEncoder:
    """Runs the file of a text tower. threads: 0 lets the runtime choose.

    Raises SpecError for a file that is no text tower, EngineError if onnxruntime is missing.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self.info, vocabulary = describe_text(path)
        self._tokenizer = Tokenizer(vocabulary, self.info.context)
        self._session: Any = open_session(path, threads, "cpu")

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, channels), not of unit length. A text of too many tokens is cut."""
        parts = []
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenizer.encode_batch(texts[start : start + BATCH])
            parts.append(self._session.run([TEXT], {TOKENS: tokens})[0])
        return np.concatenate(parts)

    def close(self) -> None:
        """Frees the session. It may be called twice."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
