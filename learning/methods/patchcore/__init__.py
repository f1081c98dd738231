"""PatchCore: the method, its bank, its search and its reference."""
