"""Draws the pictures that people look at: the frame and its heatmap side by side."""
