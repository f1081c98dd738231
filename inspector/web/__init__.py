"""The web view: live pictures, history, thresholds and changes of a line in a browser."""
