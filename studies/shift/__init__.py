"""How detection survives a change of light, optics, position or camera."""
