"""Loads the web view when a configuration asks for it."""

from typing import TYPE_CHECKING

from inspector.core.errors import ConfigError
from inspector.service.line_state import LineView
from inspector.store.database import Store
from inspector.web.options import WebViewOptions

if TYPE_CHECKING:
    from inspector.web.view import WebView


def start_web_view(options: WebViewOptions, store: Store, line: LineView) -> "WebView":
    """Makes a WebView and starts it. Raises ConfigError, also without its libraries."""
    view = _load()(options, store, line)
    view.start()
    return view


def _load() -> "type[WebView]":
    try:
        from inspector.web.view import WebView
    except ModuleNotFoundError as exc:
        raise ConfigError(f"web.port needs {exc.name}: pip install '.[web]'") from exc
    return WebView
