"""Fault scripts: rules that say which requests go wrong, how often, and in which way."""
