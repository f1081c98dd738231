"""Turns the log of a run into pictures and texts for people."""
