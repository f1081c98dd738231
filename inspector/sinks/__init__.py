"""Where inspections go: video, tables, JSON lines, snapshots, a window."""

from typing import Final

SINKS: Final[dict[str, str]] = {
    "video_file": "inspector.sinks.video_file:VideoFileSink",
    "csv_log": "inspector.sinks.csv_log:CsvLogSink",
    "json_log": "inspector.sinks.json_log:JsonLogSink",
    "snapshots": "inspector.sinks.snapshots:SnapshotSink",
}
"""Name -> "module:Class", resolved when asked for."""
