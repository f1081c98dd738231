"""Connects the lines of a log by hashes. docs/evidence.md describes the format.

The value of a line is SHA-256 over the value of the line before (64 letters) and the bytes of this
line up to its last key, `chain`. So a value depends on all bytes before it.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

START: Final = "0" * 64
"""The value before the first line."""

LINE_TAIL: Final = re.compile(rb',"chain":"([0-9a-f]{64})"\}\n')
SUMMARY_TAIL: Final = re.compile(rb',\n  "chain": "([0-9a-f]{64})"\n\}\n')
"""The end of a chained line, and of a chained summary.json."""

LINE_TAIL_BYTES: Final = 77
SUMMARY_TAIL_BYTES: Final = 82

LINE_SIGNATURE: Final = re.compile(rb',"signature":(null|"[0-9a-f]*")\Z')
SUMMARY_SIGNATURE: Final = re.compile(rb',\n  "signature": (null|"[0-9a-f]*")\Z')
"""The end of the hashed bytes of a checkpoint, and of summary.json."""

PURPOSE: Final = b"inspection evidence "
"""Comes before the signed value, so that a signature fits no other use of the same key."""

Sign = Callable[[str], str]
"""Chain value -> signature in hex."""


def link(previous: str, content: bytes) -> str:
    """The chain value of `content`, which follows something with the value `previous`."""
    return hashlib.sha256(previous.encode("ascii") + content).hexdigest()


def signed(previous: str, content: bytes, sign: Sign | None, form: str) -> bytes:
    """Adds the key `signature` to the content: the signed value that its chain would have without
    a signature; null without a key. form: the text between content and value."""
    if sign is None:
        return content + f"{form}null".encode()
    return content + f'{form}"{sign(link(previous, content))}"'.encode()


class Chain:
    """The chain of one log while it is written."""

    def __init__(self, sign: Sign | None = None, value: str = START, lines: int = 0) -> None:
        """value, lines: of the part of the log that is written already."""
        self.value = value
        self.lines = lines
        self._sign = sign

    def close_line(self, text: str, *, sign: bool = False) -> str:
        """Adds the chain value, and with `sign` the signature. text: a JSON object in ASCII that
        has neither. Returns the line without its line end."""
        content = text[:-1].encode("ascii")
        if sign:
            content = signed(self.value, content, self._sign, ',"signature":')
        self.value = link(self.value, content)
        self.lines += 1
        return f'{content.decode("ascii")},"chain":"{self.value}"}}'


def close_summary(text: str, previous: str, sign: Sign | None) -> tuple[bytes, str]:
    """Adds signature and chain value to summary.json. text: a JSON object with an indent of 2.

    previous: the value of the last line of the log. Returns the file and its value.
    """
    content = text.removesuffix("\n}").encode("utf-8", "backslashreplace")
    content = signed(previous, content, sign, ',\n  "signature": ')
    value = link(previous, content)
    return content + f',\n  "chain": "{value}"\n}}\n'.encode(), value
