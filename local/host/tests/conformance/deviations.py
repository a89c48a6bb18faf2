"""Where the local host may answer otherwise than Microsoft's, and why.

The whole list: the README repeats it, and `test_conformance` holds both equal.
"""

DEVIATIONS = {
    "route POST /": (
        "The home page of an app without a route for `/` is Microsoft's own; ours is a short page"
        " with the same status and type."
    ),
    "purge Running": (
        "Both hosts delete every instance. The recorded count is one lower than what was there."
    ),
}
"""Name of the question -> reason."""
