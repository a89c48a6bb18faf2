"""The app in the bench's own process, on a stack's storage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from local.stack import Stack
from shared.lifecycle.services import Services, build
from shared.settings.app import settings


@contextmanager
def app_on(stack: Stack, **changes: str) -> Iterator[Services]:
    """Services with the stack's settings, some of them changed."""
    # the keys of upstreams are read where they are sent
    with patch.dict(os.environ, stack.settings | changes):
        settings.cache_clear()
        app = build(settings())
        try:
            yield app
        finally:
            app.close()
            settings.cache_clear()
