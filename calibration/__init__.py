"""How frame pixels become millimetres on a plane."""
