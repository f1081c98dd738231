"""Opens the source of a run by the kind of its address."""

from inspector.core.errors import ConfigError
from inspector.core.lazy import load_entry
from inspector.core.protocols import Source
from inspector.core.secrets import insert_secrets, remember_password
from inspector.sources import SOURCES
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of, strip_file_scheme


def open_source(options: SourceOptions) -> Source:
    """Opens the source options.uri. Raises ConfigError or SourceError."""
    if options.uri is None or not options.uri.strip():
        raise ConfigError("source.uri: no source is named; use --source")
    uri = strip_file_scheme(insert_secrets(options.uri, "source.uri"))
    remember_password(uri)
    source: Source = load_entry(SOURCES[kind_of(uri)])(uri, options)
    return source
