"""Makes int8 copies of engines: they compute their backbone with whole numbers of 8 bits."""
