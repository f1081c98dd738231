"""Reads the vocabulary of CLIP's tokenizer from the folder of the weights."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.backbones.clip_tokenizer import (
    BYTE_SIGNS,
    END,
    START,
    WORD_END,
    Merge,
    Vocabulary,
    split_merge,
)

LIST_FILE: Final = "bpe_simple_vocab_16e6.txt.gz"
"""Name of the list of merges that OpenAI and open_clip distribute."""

LIST_MERGES: Final = 49152 - 256 - 2
"""How many merges of that list CLIP uses."""

MOST_BYTES: Final = 20_000_000
"""Largest text of a vocabulary that is read."""


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary in a folder: tokenizer.json, or vocab.json and merges.txt, or LIST_FILE.

    Raises ConfigError if there is none of them or a damaged one.
    """
    try:
        if (path := folder / "tokenizer.json").is_file():
            model = _read_json(path)["model"]
            return Vocabulary.from_json({"words": model["vocab"], "merges": model["merges"]})
        if (path := folder / "vocab.json").is_file():
            words = _read_json(path)
            path = folder / "merges.txt"
            return Vocabulary(words, _read_merges(_read(path).decode()))
        if (path := folder / LIST_FILE).is_file():
            with gzip.open(path) as file:
                merges = _read_merges(file.read(MOST_BYTES).decode())[:LIST_MERGES]
            return Vocabulary(_words_of(merges), merges)
    except OSError as exc:
        raise ConfigError(f"the vocabulary {path} cannot be read: {exc.strerror or exc}") from exc
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, zlib.error) as exc:
        reason = f"it lacks {exc}" if isinstance(exc, KeyError) else exc
        raise ConfigError(f"the vocabulary {path} cannot be used: {reason}") from exc
    raise ConfigError(
        f"{folder} holds no vocabulary of CLIP: put tokenizer.json, or vocab.json and merges.txt, "
        f"or {LIST_FILE} of OpenAI or open_clip beside the weights"
    )


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 1_000_000} MB")
    return content


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(_read(path))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _read_merges(text: str) -> list[Merge]:
    """One pair a line. The first line states the version."""
    lines = text.splitlines()
    start = 1 if lines and (lines[0].startswith("#") or '"' in lines[0]) else 0
    return [split_merge(line) for line in lines[start:] if line.strip()]


def _words_of(merges: list[Merge]) -> dict[str, int]:
    """The numbers of CLIP: single bytes, the same at the end of a word, merges, start and end."""
    signs = list(BYTE_SIGNS.values())
    words = [*signs, *(sign + WORD_END for sign in signs), *map("".join, merges), START, END]
    return {word: number for number, word in enumerate(words)}
