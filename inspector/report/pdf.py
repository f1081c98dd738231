"""Writes a page of the report as PDF, with WeasyPrint (extra `pdf`)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.report.markup import CSS

_CHART_MM: Final = 59
"""Width of a chart; three are side by side."""

_CHART_UNITS: Final = 440
"""Width of a chart in its own units; a wide one has more."""

_SHEET: Final = """
@page { size: A4; margin: 11mm 13mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 7pt sans-serif; } }
body { font-size: 8pt; line-height: 1.3; }
h1 { font-size: 14pt; }
h2 { font-size: 10pt; margin: 2.5mm 0 .7mm; padding: 0; }
.findings, .warn { padding: 1mm 3mm; margin: 1mm 0; }
dl { font-size: 7.5pt; margin: 1mm 0; grid-template-columns: max-content 1fr max-content 1fr; }
.note { font-size: 7pt; margin: .5mm 0; }
p, li { max-width: none; }
.findings li, .warn li { margin: .3mm 0; }
.findings ul, .warn ul { margin: 0; padding-left: 1.2em; }
.charts { display: block; }
.charts figure { display: inline-block; width: 33%; vertical-align: top; margin: 0 0 1mm 0; }
figcaption { font-size: 7.5pt; }
.sign { margin-top: 9mm; }
.sign span { font-size: 7.5pt; }
table { font-size: 7pt; }
th, td { padding: .1rem .3rem; }
.scroll { margin: .5mm 0; }
details { break-before: page; }
"""
"""More on a sheet than a browser prints. WeasyPrint cannot break a flexible box over pages."""


def load_weasyprint() -> Any:
    """Raises ConfigError with what to install. Call it before any work."""
    try:
        import weasyprint
    except (ImportError, OSError) as exc:  # OSError: Pango is missing
        raise ConfigError(
            "PDF needs WeasyPrint and Pango: pip install '.[pdf]', and on Debian and "
            f"Ubuntu apt-get install libpango-1.0-0 libpangoft2-1.0-0 ({exc})"
        ) from exc
    return weasyprint


@dataclass(frozen=True, slots=True)
class PdfStyle:
    """How a page becomes sheets. chart_mm: width of a chart that is not wide. sheet: rules that a
    browser does not use. charts: style sheet with the rules of the charts."""

    chart_mm: float = _CHART_MM
    sheet: str = _SHEET
    charts: str = CSS


def write_pdf(path: Path, page: str, style: PdfStyle | None = None) -> None:
    """page: HTML of inspector.report.markup.document. Loads nothing from elsewhere. Raises
    ConfigError without WeasyPrint, and SinkError if the disk fails."""
    weasyprint, style = load_weasyprint(), style or PdfStyle()
    rules = _chart_style(style.charts)
    styled = re.sub(
        r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"([^>]*)>',
        lambda match: _sized_chart(match, style.chart_mm, rules),
        page,
    )
    styled = styled.replace("</head>", f"<style>{style.sheet}</style></head>", 1)
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    write_whole(path, weasyprint.HTML(string=styled, url_fetcher=fetcher).write_pdf())


def _sized_chart(match: re.Match[str], chart_mm: float, rules: str) -> str:
    """The first tag of a chart with its size and its style. WeasyPrint would make it square."""
    width, height, more = match.groups()
    shown = chart_mm * float(width) / _CHART_UNITS
    size = f"width: {shown:.2f}mm; height: {shown * float(height) / float(width):.2f}mm"
    box = f"0 0 {width} {height}"
    return f'<svg viewBox="{box}" style="{size}"{more}>{rules}'


def _chart_style(css: str) -> str:
    """The rules of the charts. WeasyPrint does not apply the style sheet of a page to its charts,
    and knows no variables in them."""
    colours = dict(re.findall(r"(--\w+): (#\w+);", css.split("@media", 1)[0]))
    rules = re.findall(r"^\.chart[^{]*\{[^}]*\}", css, re.MULTILINE)
    text = re.sub(r"var\((--\w+)\)", lambda match: colours[match[1]], "\n".join(rules))
    # WeasyPrint would draw the outline of a text over the text.
    return f"<style>{text} .chart .mark, .chart .name {{ stroke: none; }}</style>"
