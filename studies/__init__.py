"""Studies that make many engines and evaluate them under many conditions."""
