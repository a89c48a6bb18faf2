"""The upstreams: two dialects behind one protocol. No other code knows which one answers."""
