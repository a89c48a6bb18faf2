"""The upstreams: two wires (dialects) behind one protocol. Nothing else knows who answers."""
