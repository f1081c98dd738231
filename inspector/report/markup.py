"""HTML and SVG elements with escaped text, and the document with its style sheet.

The colours of the charts are blue for good and orange for defective (M. Okabe and K. Ito, "Color
Universal Design", 2008). People with the common colour deficiencies can tell them apart.
"""

import base64
from typing import Final
from unicodedata import east_asian_width

TRUTH_RGB: Final = "56b4e9"
"""Colour of the outlines of masks."""

CONTOUR_RGB: Final = "ffd166"
"""Colour of the outlines of the map at the pixel threshold."""

NARROW_SPACE: Final = "\u202f"
"""Between thousands. No line is broken there."""

_ESCAPES: Final = {ord(c): f"&#{ord(c)};" for c in "<>&\"'"}
_EMPTY_TAGS: Final = ("meta", "link", "img", "br", "input", "line", "circle", "polyline", "path")


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Child = str | None
"""Markup is inserted unchanged, other text is escaped, None is left out."""


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """An element. In attribute names, class_ means class, and _ means -.

    Attributes that are None are left out.
    """
    text = "".join(
        f' {_attribute_name(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _EMPTY_TAGS:
        return Markup(f"<{tag}{text}/>")
    return Markup(f"<{tag}{text}>{join(*children)}</{tag}>")


def join(*children: Child) -> Markup:
    return Markup("".join(escape(child) for child in children if child is not None))


def escape(text: str) -> Markup:
    """Escapes text for HTML. Characters that cannot be printed are written as codes such as \\x0a:
    line breaks, marks that change the reading direction, and parts of file names that are not
    UTF-8."""
    if isinstance(text, Markup):
        return text
    return Markup(escape_unprintable(text).translate(_ESCAPES))


def escape_unprintable(text: str) -> str:
    """Writes characters that cannot be printed as codes, see escape."""
    allowed = (c.isprintable() or c == NARROW_SPACE for c in text)
    return "".join(
        c if is_allowed else _character_code(c) for c, is_allowed in zip(text, allowed, strict=True)
    )


def wrap_label(text: str, cells: int) -> list[str]:
    """The text in lines of at most `cells` characters, at least one line. A wide character, such as
    CJK, counts twice."""
    lines, used = [""], 0
    for character in escape_unprintable(text):
        width = 2 if east_asian_width(character) in "WF" else 1
        if used + width > cells:
            lines.append("")
            used = 0
        lines[-1] += character
        used += width
    return lines


def data_uri(media_type: str, content: bytes) -> str:
    """media_type: such as image/jpeg."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def section(title: str, *parts: Child) -> Markup:
    return element("section", element("h2", title), *parts)


def signature() -> Markup:
    """Lines to sign on paper."""
    lines = ("Checked by", "Date", "Decision")
    return element("div", *(element("span", line) for line in lines), class_="sign")


def document(title: str, *body: Child, language: str = "en", style: str = "") -> str:
    """A whole page that loads nothing from elsewhere. style: more rules after the usual ones."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(CSS + style)),
    )
    page = element("html", head, element("body", *body), lang=language)
    return f"<!DOCTYPE html>\n{page}\n"


def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _character_code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


CSS: Final = f"""
:root {{ color-scheme: light dark;
  --ground: #ffffff; --ink: #1b1f24; --soft: #57606a; --rule: #d0d7de; --panel: #f6f8fa;
  --good: #0072b2; --bad: #d55e00; --third: #009e73; --fourth: #cc79a7; --fifth: #b8860b;
  --warn: #fff4e5; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{
  --ground: #14181d; --ink: #e6edf3; --soft: #9da7b1; --rule: #39424c; --panel: #1d232a;
  --good: #56b4e9; --bad: #ff9d4d; --third: #2fd0a0; --fourth: #e79fc6; --fifth: #e0b040;
  --warn: #3a2b12; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem; max-width: 76rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .8rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem;
  border-bottom: 1px solid var(--rule); }}
h3 {{ font-size: 1rem; margin: 1.4rem 0 .4rem; }}
p, li {{ max-width: 60rem; overflow-wrap: anywhere; }}
a {{ color: var(--good); }}
.scroll {{ overflow-x: auto; margin: .6rem 0; }}
table {{ border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: var(--soft); padding-bottom: .3rem; }}
th, td {{ padding: .28rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); overflow-wrap: break-word; max-width: 26rem; }}
thead th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; }}
tbody th {{ font-weight: 500; }}
.wide td {{ white-space: nowrap; }}
.wide th, .wide td {{ padding: .28rem .45rem; }}
.wide tbody th {{ overflow-wrap: anywhere; min-width: 5rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .5rem 0;
  font-size: .9rem; }}
dt {{ color: var(--soft); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
.findings {{ background: var(--panel); border-left: 4px solid var(--good); padding: .4rem 1.2rem; }}
.findings li, .findings p {{ margin: .35rem 0; }}
.warn {{ background: var(--warn); border-left: 4px solid var(--bad); padding: .4rem 1.2rem; }}
.note {{ color: var(--soft); font-size: .88rem; margin: .2rem 0; }}
.undefined {{ color: var(--soft); font-style: italic; }}
.charts {{ display: flex; flex-wrap: wrap; gap: 1rem 1.6rem; align-items: flex-start; }}
figure {{ margin: 0; break-inside: avoid; }}
figcaption {{ font-weight: 600; font-size: .92rem; margin-bottom: .2rem; }}
.chart {{ width: 440px; max-width: 100%; height: auto; display: block; fill: var(--ink);
  font-size: 12px; font-family: inherit; }}
.chart .grid {{ stroke: var(--rule); stroke-width: 1; }}
.chart .axis {{ stroke: var(--soft); stroke-width: 1; }}
.chart .tick {{ fill: var(--soft); }}
.chart .end {{ text-anchor: end; }}
.chart .middle {{ text-anchor: middle; }}
.chart .mark {{ font-weight: 600; }}
.chart .mark, .chart .name {{ paint-order: stroke; stroke: var(--ground); stroke-width: 4px;
  stroke-linejoin: round; }}
.chart .curve {{ fill: none; stroke: var(--good); stroke-width: 2.5; stroke-linejoin: round; }}
.chart .chance {{ fill: none; stroke: var(--soft); stroke-width: 1.3; stroke-dasharray: 5 4; }}
.chart .point {{ fill: var(--bad); stroke: var(--ground); stroke-width: 1.5; }}
.chart .threshold {{ stroke: var(--ink); stroke-width: 1.6; stroke-dasharray: 6 3; }}
.chart .good, .chart .bar {{ fill: var(--good); }}
.chart .defective {{ fill: var(--bad); }}
.chart .whisker {{ stroke: var(--ink); stroke-width: 1.6; }}
.chart .series {{ fill: none; stroke-width: 1.6; }}
.chart .series.s0 {{ stroke: var(--good); }}
.chart .series.s1 {{ stroke: var(--bad); stroke-dasharray: 7 3; }}
.chart .series.s2 {{ stroke: var(--third); stroke-dasharray: 2 3; }}
.chart .series.s3 {{ stroke: var(--fourth); stroke-dasharray: 10 3 2 3; }}
.chart .series.s4 {{ stroke: var(--fifth); stroke-dasharray: 5 5; }}
.chart .series.s5 {{ stroke: var(--soft); stroke-dasharray: 1 4; }}
.chart .dot.s0 {{ fill: var(--good); }}
.chart .dot.s1 {{ fill: var(--bad); }}
.chart .dot.s2 {{ fill: var(--third); }}
.chart .dot.s3 {{ fill: var(--fourth); }}
.chart .dot.s4 {{ fill: var(--fifth); }}
.chart .dot.s5 {{ fill: var(--soft); }}
.sheet {{ break-inside: avoid; margin: .9rem 0 1.3rem; }}
.sheet h4 {{ font-size: .92rem; margin: 0 0 .1rem; overflow-wrap: anywhere; }}
.panels {{ display: flex; gap: 6px; align-items: flex-start; }}
.panels figure {{ flex: 0 1 auto; min-width: 0; }}
.panels figcaption {{ font-weight: 400; font-size: .8rem; color: var(--soft); margin: 0; }}
.panels img {{ display: block; max-width: 100%; height: auto; }}
.scale {{ max-width: 24rem; font-size: .85rem; margin: .6rem 0; }}
.scale .bar {{ position: relative; }}
.scale img {{ display: block; width: 100%; height: 14px; }}
.scale .tick {{ position: absolute; top: -3px; height: 20px; width: 4px; margin-left: -2px;
  background: #fff; border: 1px solid #000; }}
.ends {{ display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; }}
.key {{ display: inline-block; width: 1.6em; height: .7em; border: 1px solid #000;
  margin: 0 .3em 0 .6em; }}
.truth {{ background: #{TRUTH_RGB}; }}
.contour {{ background: #{CONTOUR_RGB}; }}
.sign {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 2rem; margin-top: 3.5rem; }}
.sign span {{ border-top: 1px solid var(--ink); padding-top: .2rem; font-size: .85rem; }}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 10pt; }}
  .scroll {{ overflow: visible; }}
  .wide td {{ white-space: normal; }}
  table {{ font-size: 7.5pt; }}
  th, td {{ padding: .15rem .35rem; }}
  tr, .findings, .warn, .sign {{ break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
  .chart {{ width: 330px; }}
  .panels img {{ max-height: 46mm; width: auto; }}
  img, .chart, .key {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
"""Light and dark on the screen, light on paper."""
