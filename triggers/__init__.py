"""The ways in: authenticate, parse, hand over to `shared.lifecycle`; never wait for a render."""
