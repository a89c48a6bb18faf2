"""`python -m tests.faults`; see `run`."""

import typer

from tests.faults.run import main

if __name__ == "__main__":
    typer.run(main)
