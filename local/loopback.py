"""HTTP on loopback, where nobody speaks TLS."""

from ssl import PROTOCOL_TLS_CLIENT, SSLContext

from httpx import Limits

NO_TLS = SSLContext(PROTOCOL_TLS_CLIENT)
"""What `verify` of an `httpx` client takes: it trusts no certificate. Reading those of the world,
which `httpx` does anew for each client and each single request, takes 30 ms of a core."""

BRIEFLY = Limits(keepalive_expiry=1)
"""How long a client keeps idle connections: less than any server here. uvicorn closes them after
5 s, which is also what `httpx` keeps them, and whatever is sent at that moment is lost."""
