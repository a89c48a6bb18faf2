"""What a Functions host answers: 439 questions to a host that runs `app/`.

`answers.json` holds what Microsoft's host answered (`__main__` says which versions), and
`deviations` where ours may answer otherwise. `ask` asks any host: ours in `test_conformance`, or
one that runs under a command of its own, such as `func start`.

    python -m local.host.tests.conformance BASE_URL [--master-key KEY] [--log FILE] [--only GROUP]
"""

from .comparing import ANSWERS, APP, Difference, differences, recorded
from .questions import ask

__all__ = ["ANSWERS", "APP", "Difference", "ask", "differences", "recorded"]
