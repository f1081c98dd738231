"""WinCLIP: texts and a few good pictures."""
