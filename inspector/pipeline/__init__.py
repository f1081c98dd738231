"""Five threads, their channels, and the count of every frame."""
