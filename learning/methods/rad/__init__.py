"""RAD: the method, its reference, its search and the import of published banks."""
