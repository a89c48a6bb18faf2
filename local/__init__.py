"""Runs the product on one machine. Never deployed."""
