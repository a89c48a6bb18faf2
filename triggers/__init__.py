"""The entry points: authenticate, parse, call `shared.lifecycle`; never wait for a render."""
