"""Uses the web view of a line like the page in a browser, and sends changes like a person."""

import http.client
import json
import threading
from collections import Counter
from typing import Any, Final

BOUNDARY: Final = b"--picture\r\n"
_TIMEOUT_S: Final = 30.0


class Browser:
    """Shows the live pictures of all sources, and asks for the state each second.

    pictures: number of live pictures of each source. answers: number of answers by HTTP status.
    """

    def __init__(self, port: int, sources: tuple[str, ...]) -> None:
        self._port = port
        self.pictures: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.state: dict[str, Any] = {}
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._show, args=(source,), daemon=True) for source in sources
        ]
        self._threads.append(threading.Thread(target=self._poll, daemon=True))
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        """From now on the line may end."""
        self._ended.set()

    def close(self) -> None:
        self.leave()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def send(self, path: str, **fields: Any) -> Any:
        """Sends a change as JSON. Returns the answer."""
        key = self.get("/api/session")["form_key"]
        headers = {"content-type": "application/json", "x-form-key": key}
        return self._ask("POST", path, json.dumps(fields).encode(), headers)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        self.answers[answer.status] += 1
        if answer.status != 200:
            self.failures.append(f"{path}: {answer.status} {data[:200].decode(errors='replace')}")
        is_json = answer.headers.get_content_type() == "application/json"
        return json.loads(data) if is_json else data.decode()

    def _poll(self) -> None:
        """As static/desk.js does: the state each second, and the page if its version changes."""
        version = None
        while not self._ended.wait(1.0):
            try:
                self.state = self.get("/api/state")
                if version != self.state.get("page_version"):
                    version = self.state.get("page_version")
                    self.get("/")
            except OSError as exc:
                self._note("/api/state", exc)

    def _show(self, source: str) -> None:
        while not self._ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
            try:
                connection.request("GET", f"/live/{source}")
                answer = connection.getresponse()
                while not self._ended.is_set() and (line := answer.readline()):
                    self.pictures[source] += line == BOUNDARY
            except (OSError, http.client.HTTPException) as exc:
                self._note(f"/live/{source}", exc)
            finally:
                connection.close()
            self._ended.wait(1.0)

    def _note(self, path: str, exc: Exception) -> None:
        if not self._ended.is_set():
            self.failures.append(f"{path}: {exc}")
