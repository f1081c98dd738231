"""Where frames come from: video files, network streams, cameras, folders, a synthetic web."""
