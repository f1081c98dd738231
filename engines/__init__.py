"""How a picture becomes an anomaly map: engine files, their runtimes, and how they are made."""
