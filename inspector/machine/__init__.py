"""What drives a machine: the newest state of each station, and the outputs that show it."""
