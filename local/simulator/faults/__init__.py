"""Fault scripts: rules for which requests go wrong, how often, and how."""
