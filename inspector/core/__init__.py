"""Types, errors, channel and geometry that every other package shares; imports numpy only."""
