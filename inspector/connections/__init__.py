"""Connections to brokers and devices of a plant, which are opened again whenever they break."""
