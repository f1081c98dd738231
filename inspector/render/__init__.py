"""The pictures that people look at: heatmap beside the original."""
