"""Where inspections go: video, tables, JSON lines, snapshots, a window."""

from typing import Final

SINKS: Final[dict[str, str]] = {
    "video": "inspector.sinks.video_file:VideoFileSink",
    "csv": "inspector.sinks.csv_log:CsvLogSink",
    "json": "inspector.sinks.json_log:JsonLogSink",
    "snapshots": "inspector.sinks.snapshots:SnapshotSink",
}
"""Name -> "module:Class", resolved when asked for."""
