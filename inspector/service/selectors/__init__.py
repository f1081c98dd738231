"""Recipes that a PLC or another program selects, by MQTT, Modbus TCP or OPC UA."""
