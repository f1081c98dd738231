"""The tokenizer of CLIP: byte-pair encoding of lower-case words.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021),
section 2.4; Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016).
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
WORD_END: Final = "</w>"

Merge = tuple[str, str]

_SPECIAL: Final = re.compile(rf"({re.escape(START)}|{re.escape(END)})")
_LOWERED_SPECIAL: Final = re.compile(r"(<\|)(startoftext|endoftext)(\|>)")
_CONTRACTION: Final = re.compile(r"'(?:s|t|re|ve|m|ll|d)")
_KINDS: Final = re.compile("L+|N|O+")
_SPACES: Final = frozenset(
    map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)))
) | frozenset("\u2028\u2029\u202f\u205f\u3000")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """words: token -> its number. merges: pairs that are merged, the most frequent first. Raises
    ValueError for a merge of tokens that are no words."""

    words: dict[str, int]
    merges: list[Merge]

    def __post_init__(self) -> None:
        if not all(isinstance(n, int) and 0 <= n < 1 << 31 for n in self.words.values()):
            raise ValueError("the number of a token must be a whole number of at least 0")
        for token in (START, END):
            if token not in self.words:
                raise ValueError(f"it lacks {token}, so it is not that of CLIP")
        for first, second in self.merges:
            for token in (first, second, first + second):
                if token not in self.words:
                    raise ValueError(f"the merge {first} {second} needs the token {token}")

    @property
    def start(self) -> int:
        """The number of the token at the start of every text."""
        return self.words[START]

    @property
    def end(self) -> int:
        """The number of the token at the end of every text."""
        return self.words[END]

    def as_json(self) -> dict[str, Any]:
        return {"words": self.words, "merges": [" ".join(merge) for merge in self.merges]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Raises ValueError, TypeError, LookupError or AttributeError for other values."""
        return cls(dict(values["words"]), [split_merge(merge) for merge in values["merges"]])


class Tokenizer:
    """Turns texts into numbers of tokens. context: most tokens of a text, start and end included;
    a longer text is cut."""

    def __init__(self, vocabulary: Vocabulary, context: int) -> None:
        self._vocabulary = vocabulary
        self._context = context
        self._ranks = {merge: rank for rank, merge in enumerate(vocabulary.merges)}

    def encode(self, text: str) -> list[int]:
        """Start, the tokens of the text, end."""
        vocabulary, numbers = self._vocabulary, []
        for part in _SPECIAL.split(text):
            if part in (START, END):
                numbers.append(vocabulary.words[part])
                continue
            for word in split_words(part):
                tokens = self._merge([BYTE_SIGNS[byte] for byte in word.encode()])
                numbers += [vocabulary.words.get(token, vocabulary.end) for token in tokens]
        return [vocabulary.start, *numbers[: self._context - 2], vocabulary.end]

    def encode_batch(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """(n, L), L the length of the longest text; the others are filled up with the end."""
        encoded = [self.encode(text) for text in texts]
        batch = np.full((len(texts), max(map(len, encoded))), self._vocabulary.end, np.int64)
        for row, numbers in zip(batch, encoded, strict=True):
            row[: len(numbers)] = numbers
        return batch

    def _merge(self, tokens: list[str]) -> list[str]:
        tokens = [*tokens[:-1], tokens[-1] + WORD_END]
        while len(tokens) > 1:
            pairs = itertools.pairwise(tokens)
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            merged: list[str] = []
            for token in tokens:
                if merged and (merged[-1], token) == best:
                    merged[-1] += token
                else:
                    merged.append(token)
            tokens = merged
        return tokens


def split_words(text: str) -> Iterator[str]:
    """Words, digits and groups of other signs in lower case; each is encoded by itself."""
    normal = unicodedata.normalize("NFC", text)
    # Letter by letter: a whole word would change a sigma at its end.
    lower = "".join(sign.lower() for sign in normal)
    kinds = "".join(map(_kind, lower))
    at = 0
    while at < len(lower):
        if special := _LOWERED_SPECIAL.match(lower, at):
            yield from special.groups()
            at = special.end()
        elif word := _CONTRACTION.match(lower, at) or _KINDS.match(kinds, at):
            yield lower[at : word.end()]
            at = word.end()
        else:
            at += 1


def split_merge(merge: Any) -> Merge:
    """Two tokens, from a pair or from a text with a space between them."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _kind(sign: str) -> str:
    """Letter, number, space or other."""
    if sign in _SPACES:
        return " "
    category = unicodedata.category(sign)[0]
    return category if category in "LN" else "O"


def _byte_signs() -> dict[int, str]:
    """Byte -> the sign that stands for it in tokens: bytes that print stand for themselves (the
    byte-level alphabet of GPT-2, Radford et al. 2019, section 2.2)."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    signs = {byte: chr(byte) for byte in printed}
    return signs | {byte: chr(256 + index) for index, byte in enumerate(others)}


BYTE_SIGNS: Final = _byte_signs()
"""In the order of CLIP's numbers of tokens."""
