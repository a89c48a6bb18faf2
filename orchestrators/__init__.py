"""Generator functions: they decide what comes next and do nothing themselves."""
