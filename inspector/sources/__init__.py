"""The sources of frames: files, streams, cameras, folders, and a rendered web."""

SOURCES: dict[str, str] = {
    "video_file": "inspector.sources.video_file:VideoFileSource",
    "network": "inspector.sources.network:open_network",
    "camera": "inspector.sources.camera:CameraSource",
    "genicam": "inspector.sources.genicam.source:open_genicam",
    "image_folder": "inspector.sources.image_folder:ImageFolderSource",
    "synthetic": "inspector.sources.synthetic:SyntheticSource",
}
