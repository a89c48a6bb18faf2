"""The use cases: the only code that combines storage and upstream.

Each function can be run again at any point: it reads the state, does the next thing and records
it. Expected failures are results, not exceptions.
"""
