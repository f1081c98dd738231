"""Says in words what each defect looks like and what it probably is, by rules from its figures."""
