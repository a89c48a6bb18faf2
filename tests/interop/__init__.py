"""LiteLLM's own proxy, from PyPI, between the app and the simulator, and as a client of the API.

`make interop` installs the proxy into an environment of its own and runs the tests here. Everything
is on loopback; the proxy cannot reach anything else.
"""
