"""Thresholds from the scores of normal pictures: rules, folds, blocks and later changes."""
