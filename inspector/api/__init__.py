"""What notebooks and other programs import from `inspector`; see docs/python-api.md."""
