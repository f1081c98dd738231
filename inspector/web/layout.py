"""The frame of every page, and the elements that several pages use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from inspector.core.mode import LOCKED_TEXT
from inspector.report.markup import Child, Markup, element

PAGES: Final = (
    ("/", "Live"),
    ("/history", "History"),
    ("/thresholds", "Thresholds"),
    ("/teaching", "Teaching"),
    ("/runs", "Runs"),
    ("/changes", "Changes"),
)
"""Address and name of the pages in the navigation."""

LOCKED_NOTE: Final = f"{LOCKED_TEXT[:1].upper()}{LOCKED_TEXT[1:]}."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page. form_key: goes into every form. can_log_out: whether the visitor
    has logged in."""

    form_key: str
    can_log_out: bool = False


def page(
    title: str,
    path: str,
    visitor: Visitor | None,
    *parts: Child,
    notice: Child = None,
    script: bool = True,
) -> str:
    """A whole page. path: of the entry in the navigation. visitor: None before the login. notice:
    the result of the last change."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} - Line Inspector"),
        element("link", rel="stylesheet", href="/static/desk.css"),
        element("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        element("script", src="/static/desk.js", defer="") if script else None,
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _header(path, visitor),
        element(
            "main",
            element("h1", title),
            notice,
            *parts,
            id="content",
            tabindex="-1",
        ),
        data_page=path,
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(path: str, visitor: Visitor | None) -> Markup:
    links = [
        element(
            "li",
            element("a", name, href=address, aria_current="page" if address == path else None),
        )
        for address, name in PAGES
    ]
    brand = element("span", "Line Inspector", class_="brand")
    if visitor is None:
        return element("header", brand)
    log_out = None
    if visitor.can_log_out:
        log_out = form("/logout", visitor, button("Log out", plain=True), class_="logout")
    return element(
        "header",
        brand,
        element("nav", element("ul", *links), aria_label="Pages"),
        log_out,
    )


def form(action: str, visitor: Visitor, *parts: Child, **attributes: object) -> Markup:
    """A form that changes something."""
    key = element("input", type="hidden", name="form_key", value=visitor.form_key)
    return element("form", key, *parts, method="post", action=action, **attributes)


def request_form(
    kind: str, visitor: Visitor, *parts: Child, back: str, **attributes: object
) -> Markup:
    """A form that asks the line to change something. back: the page to show afterwards."""
    return form(
        "/api/requests",
        visitor,
        element("input", type="hidden", name="kind", value=kind),
        element("input", type="hidden", name="back", value=back),
        *parts,
        **attributes,
    )


def button(
    text: str, *, plain: bool = False, disabled: bool = False, **attributes: object
) -> Markup:
    return element(
        "button",
        text,
        type="submit",
        class_="plain" if plain else None,
        disabled="" if disabled else None,
        **attributes,
    )


def field(label: str, name: str, **attributes: object) -> Markup:
    """An input with its label."""
    return element("label", element("span", label), element("input", name=name, **attributes))


def hidden_fields(**values: object) -> list[Markup]:
    return [
        element("input", type="hidden", name=name, value=value) for name, value in values.items()
    ]


def who_field(visitor: Visitor, *, disabled: bool = False) -> Markup:
    return field(
        "Your name",
        "who",
        required="",
        maxlength="80",
        autocomplete="name",
        data_remember="name",
        disabled="" if disabled else None,
    )


def why_field(
    label: str = "Reason", name: str = "why", *, disabled: bool = False, required: bool = True
) -> Markup:
    return field(
        label,
        name,
        required="" if required else None,
        maxlength="500",
        autocomplete="off",
        disabled="" if disabled else None,
    )


def select(
    label: str, name: str, choices: Iterable[tuple[str, str]], chosen: str, **attributes: object
) -> Markup:
    """choices: value and text of each."""
    options = [
        element("option", text, value=value, selected="" if value == chosen else None)
        for value, text in choices
    ]
    return element(
        "label", element("span", label), element("select", *options, name=name), **attributes
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Child]], *, cards: bool = False
) -> Markup:
    """On a narrow screen it scrolls sideways; with `cards` each row becomes a card there."""
    cells = [element("th", text, scope="col") for text in head]
    body = [
        element(
            "tr",
            *(element("td", cell, data_label=text) for text, cell in zip(head, row, strict=True)),
        )
        for row in rows
    ]
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *cells)),
        element("tbody", *body),
    )
    class_ = "scroll cards" if cards else "scroll"
    return element("div", inner, class_=class_, role="region", aria_label=caption, tabindex="0")


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Names and values side by side; values of None are left out."""
    items = [
        element("div", element("dt", name), element("dd", value))
        for name, value in pairs
        if value is not None
    ]
    return element("dl", *items, class_="facts")


def verdict_badge(verdict: str | None) -> Markup:
    """A verdict as a word with its colour."""
    word = verdict or "none"
    return element("span", word, class_=f"badge {word.lower()}")


def note(text: Child) -> Markup:
    return element("p", text, class_="note")


def address(path: str, *parts: object, **query: object) -> str:
    """An address with escaped parts. Values of the query that are None are left out."""
    whole = "/".join([path.rstrip("/"), *(quote(str(part), safe="") for part in parts)]) or "/"
    pairs = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{whole}?{urlencode(pairs, doseq=True)}" if pairs else whole


def number(value: float | None, digits: int = 4) -> str:
    """A number with this many significant digits, large ones as whole numbers; a dash for None."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def time_text(wall_time_utc: str | None) -> Markup:
    """ISO 8601 with a blank instead of the T, and without a fraction of a second."""
    text = (wall_time_utc or "").replace("T", " ").replace("+00:00", "").replace("Z", "")
    return element("time", text.partition(".")[0] or "-", datetime=wall_time_utc)
