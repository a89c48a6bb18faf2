"""Generator functions: they decide the next step and do nothing themselves."""
