"""The sum of the maps of RAD and of the whitened nearest neighbours."""
