"""The runtimes that an engine file runs on."""
