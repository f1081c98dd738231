"""Builds reports for tests, and finds their links."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from inspector.report.writing import write_report


def report_of(*folders: Path, out: Path | None = None, **changes: Any) -> dict[str, str]:
    """File name -> content of the report of the folders; the report itself comes first."""
    place = out or folders[0] / "report.html"
    written = write_report(folders, place, changes, program="line-inspector 0.1.0", pdf=False)
    return {path.name: path.read_text(encoding="utf-8") for path in written.files}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.text: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._hidden += tag == "style"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "data", "action"):
                self.sources.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)


def parse(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    return parser


def visible(page: str) -> str:
    """The text of a page in a line."""
    return re.sub(r"\s+", " ", " ".join(parse(page).text))


def dead_links(files: dict[str, str]) -> list[str]:
    """The links of the files that lead to no id of the files."""
    pages = {name: parse(page) for name, page in files.items()}
    dead = []
    for name, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = pages.get(file or name)
            if target is None or (anchor and anchor not in target.ids):
                dead.append(f"{name}: {link}")
    return dead
