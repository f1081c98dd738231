"""Autoencoder: a network learns to redraw good pictures; what it redraws badly is anomalous."""
