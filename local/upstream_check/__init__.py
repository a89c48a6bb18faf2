"""`python -m local upstream check`: what a server of `/v1/videos` can do, and its entry."""
