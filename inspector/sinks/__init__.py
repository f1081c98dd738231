"""Where inspections go: video, tables, JSON lines, snapshots, a window."""
