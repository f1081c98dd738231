"""Writes a page of the report as PDF, with WeasyPrint (extra `pdf`)."""

import re
from pathlib import Path
from typing import Any, Final

from evaluation.report.markup import CSS
from inspector.core.errors import ConfigError
from inspector.core.files import write_whole

_SHEET: Final = """
@page { size: A4; margin: 14mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
"""


def load_weasyprint() -> Any:
    """Raises ConfigError with what to install. Call it before any work."""
    try:
        import weasyprint
    except (ImportError, OSError) as exc:  # OSError: Pango is missing
        raise ConfigError(
            "PDF needs WeasyPrint and Pango: pip install 'line-inspector[pdf]', and on Debian and "
            f"Ubuntu apt-get install libpango-1.0-0 libpangoft2-1.0-0 ({exc})"
        ) from exc
    return weasyprint


def write_pdf(path: Path, page: str) -> None:
    """page: HTML of evaluation.report.markup.document. Loads nothing from elsewhere. Raises
    ConfigError without WeasyPrint, and SinkError if the disk fails."""
    weasyprint = load_weasyprint()
    styled = re.sub(r"(<svg [^>]*>)", lambda match: match[1] + _chart_style(), page)
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    html = weasyprint.HTML(string=styled, url_fetcher=fetcher)
    content = html.write_pdf(stylesheets=[weasyprint.CSS(string=_SHEET)])
    write_whole(path, content)


def _chart_style() -> str:
    """The rules of the charts. WeasyPrint does not apply the style sheet of a page to its charts,
    and knows no variables in them."""
    colours = dict(re.findall(r"(--\w+): (#\w+);", CSS.split("@media", 1)[0]))
    rules = re.findall(r"^\.chart[^{]*\{[^}]*\}", CSS, re.MULTILINE)
    text = re.sub(r"var\((--\w+)\)", lambda match: colours[match[1]], "\n".join(rules))
    return f"<style>{text}</style>"
