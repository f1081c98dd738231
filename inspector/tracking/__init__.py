"""Tracks of defects on a moving web, and the ledger of its surface."""
