"""Which client speaks to a deployment."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.settings.app import Settings
from shared.upstream.registry import Upstreams
from shared.upstream.sora1 import Sora1
from shared.upstream.sora2 import Sora2


def test_a_registry_names_what_it_knows(make_settings: Callable[..., Settings]) -> None:
    found, upstreams = make_settings().upstreams, Upstreams()
    kinds: dict[str, Any] = {each.dialect: type(upstreams.client(each)) for each in found}
    assert kinds == {"sora-2": Sora2, "sora-1": Sora1}
    other = found[0].model_copy(update={"name": "other", "dialect": "sora-3"})
    with pytest.raises(ValueError, match="'sora-3'; there are sora-1, sora-2"):
        upstreams.client(other)
    upstreams.close()
