"""The product's rules, as pure functions and values.

Nothing here imports an Azure package, an HTTP client or a clock: time, identifiers and randomness
are arguments. import-linter enforces it.
"""
