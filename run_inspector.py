"""Inspects a video, a camera or pictures: `python run_inspector.py --help` lists the options."""

import sys

from inspector.app import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
