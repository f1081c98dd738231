"""From regions of an anomaly map to defects with sizes."""
