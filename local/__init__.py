"""Everything that runs the product on one machine. Never deployed."""
