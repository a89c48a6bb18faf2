"""Real, playable pictures and sound. Importing this package alone loads no codec."""
