"""A clock for services whose time a test moves."""

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Time that stands still until somebody moves it."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now
