"""Software triggers: messages that announce a part, by MQTT, Modbus TCP, HTTP or a PLC."""
