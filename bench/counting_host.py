"""The local host, noting each write to a deployment's row and whether another was faster.

Started by `bench.hosts` in place of `local.host`; appends a letter for each to the file `COUNT_TO`.
"""

import os
import sys
from pathlib import Path

from local.host.__main__ import main
from shared.domain.quota import DeploymentState
from shared.storage.deployments import Deployments, StoredDeployment
from shared.storage.rows import RowChanged

WRITTEN, CONFLICT = "w", "c"

_replace = Deployments.replace


def _counted(
    self: Deployments, stored: StoredDeployment, state: DeploymentState
) -> StoredDeployment:
    try:
        written = _replace(self, stored, state)
    except RowChanged:
        _note(CONFLICT)
        raise
    _note(WRITTEN)
    return written


def _note(letter: str) -> None:
    with Path(os.environ["COUNT_TO"]).open("a", encoding="utf-8") as file:
        file.write(letter)


if __name__ == "__main__":
    Deployments.replace = _counted  # type: ignore[method-assign]
    sys.exit(main())
