"""The use cases: the only code that combines storage and upstream.

Each function can be run again at any point: it reads what is true, does the next thing and writes
down that it is done. Expected failures are results, not exceptions.
"""
