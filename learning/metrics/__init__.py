"""How well scores and anomaly maps tell normal from anomalous, with the doubt that is left."""
