"""Asks an OpenAI-compatible server one question at a time, within a limit of time and size."""

import contextlib
import json
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.outputs.http_post import HttpPoster, check_header, split_url
from inspector.outputs.sender import RefusedError

MOST_BYTES: Final = 256 * 1024
"""A longer answer is cut off and refused."""

REFUSED: Final = (400, 413, 415, 422)
"""States of HTTP that refuse this question, so that it is not sent again."""


class ChatClient:
    """Sends chat completions.

    url: such as http://localhost:8000/v1. key: None without one. timeout_s: longest time of one
    question, from the connection to the end of the answer. Raises ConfigError for another url.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        wrong = ConfigError(
            "explain.vlm.url must look like http://localhost:8000/v1, without user and query; a "
            "key comes from explain.vlm.key_env"
        )
        try:
            parts = split_url(url)
        except ValueError as exc:
            raise wrong from exc
        if parts.query:
            raise wrong
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            try:
                check_header(key.strip())
            except ValueError as exc:
                raise ConfigError(f"explain.vlm.key_env: the key cannot be used: {exc}") from exc
            self._headers["Authorization"] = f"Bearer {key.strip()}"
        path = f"{parts.path.rstrip('/')}/chat/completions"
        self._poster = HttpPoster(parts._replace(path=path), MOST_BYTES)
        self._timeout_s = timeout_s

    def ask(self, question: dict[str, Any]) -> str:
        """Returns the text of the answer. Raises RefusedError, or an OSError if a later try can
        succeed."""
        with contextlib.closing(self._poster):
            answer = self._poster.post(
                json.dumps(question).encode(), self._headers, self._timeout_s
            )
        if answer.status in REFUSED:
            raise RefusedError(f"the server refuses the question (HTTP {answer.status})")
        if answer.status != 200:
            raise ConnectionError(f"the server answers with HTTP {answer.status}")
        if answer.is_cut:
            raise RefusedError(f"the answer is longer than {MOST_BYTES} bytes")
        return _find_text(answer.content)

    def stop(self) -> None:
        """Ends a question that waits, and refuses all later ones. May be called on any thread."""
        self._poster.stop()


def _find_text(content: bytes) -> str:
    try:
        answer: Any = json.loads(content)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as exc:
        raise RefusedError("the answer is not a chat completion") from exc
    if not isinstance(text, str):
        raise RefusedError("the answer of the model is no text")
    return text
