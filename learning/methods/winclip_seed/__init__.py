"""A variant of WinCLIP without windows: texts and a bank of all good pictures."""
