"""Moving webs and rendered defects of known size, and what was really there."""
