"""Training of GLASS (ECCV 2024): synthetic defects, the step, and the loop around it."""
