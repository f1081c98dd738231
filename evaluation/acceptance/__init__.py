"""Acceptance of an engine: which defects of known size it finds on good pictures of the product."""
