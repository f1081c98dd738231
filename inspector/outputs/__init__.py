"""The outputs of a run: video, tables, JSON lines, snapshots, a window, remote outputs."""

from typing import Final

SINKS: Final[dict[str, str]] = {
    "video_file": "inspector.outputs.video_file:VideoFileSink",
    "csv_log": "inspector.outputs.csv_log:CsvLogSink",
    "defect_table": "inspector.outputs.defect_table:DefectTableSink",
    "defect_pictures": "inspector.outputs.defect_pictures:DefectPictureSink",
    "encoder_file": "inspector.outputs.encoder_file:EncoderFileSink",
    "part_table": "inspector.outputs.part_table:PartTableSink",
    "json_log": "inspector.outputs.json_log:JsonLogSink",
    "snapshots": "inspector.outputs.snapshots:SnapshotSink",
    "explained_pictures": "inspector.outputs.explained_pictures:ExplainedPictureSink",
    "originals": "inspector.outputs.originals:OriginalsSink",
}
"""Name -> "module:Class", imported when it is used."""
