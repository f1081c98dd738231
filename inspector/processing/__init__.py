"""From a frame to model input, and from an anomaly map to a verdict."""
