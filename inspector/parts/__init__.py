"""Gives one verdict per part or per roll, over all frames that show it."""
