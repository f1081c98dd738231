"""Contains the names that other programs import from `inspector`; see docs/python-api.md."""
