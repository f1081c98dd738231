"""Builds tables and lists of names and values."""

from collections.abc import Iterable, Sequence

from inspector.report.markup import Child, Markup, element, join


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Child]],
    caption: str = "",
    *,
    class_: str | None = None,
) -> Markup:
    """The first cell of a row is its name. class_: "wide" keeps each cell on one line."""
    top = element("tr", *(element("th", name, scope="col") for name in head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    title = element("caption", caption) if caption else None
    inner = element("table", title, element("thead", top), element("tbody", *body), class_=class_)
    return element("div", inner, class_="scroll")


def name_value_list(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """A `<dl>` element with a row for each pair of name and value."""
    items = (join(element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *items)
