"""The outputs of a run: video, tables, JSON lines, snapshots, a window, remote outputs."""

from typing import Final

SINKS: Final[dict[str, str]] = {
    "video_file": "inspector.outputs.video_file:VideoFileSink",
    "csv_log": "inspector.outputs.csv_log:CsvLogSink",
    "defect_table": "inspector.outputs.defect_table:DefectTableSink",
    "part_table": "inspector.outputs.part_table:PartTableSink",
    "json_log": "inspector.outputs.json_log:JsonLogSink",
    "snapshots": "inspector.outputs.snapshots:SnapshotSink",
}
"""Name -> "module:Class", imported when it is used."""
