"""Shows whether the results of a run were changed later: checkpoints, signatures, verification."""
