"""All parts of one simulator, assembled."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from local.simulator.clock import Clock
from local.simulator.config import Config
from local.simulator.faults.rules import Rule
from local.simulator.faults.script import RuleState, Script
from local.simulator.renderer import Renderer
from local.simulator.store import Store
from local.simulator.studio import Studio


@dataclass
class World:
    """The parts, and their life cycle."""

    config: Config
    clock: Clock
    seed: int
    file_rules: list[Rule]
    store: Store
    renderer: Renderer
    studio: Studio
    script: Script
    started_at: float
    scratch: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Resume stored jobs. Needs a running event loop."""
        self.studio.start()

    async def reset(self) -> None:
        """Back to the state after a start with an empty folder; the fault file's rules count from
        zero."""
        await self.studio.reset()
        self.store.clear()
        self.script.states = [RuleState(rule=rule, from_file=True) for rule in self.file_rules]
        self.store.save_rules(self.script.states)

    async def close(self) -> None:
        """Stop everything; the state folder stays."""
        await self.studio.stop()
        self.renderer.close()
        self.store.save_rules(self.script.states)
        self.store.close()
        if self.scratch is not None:
            self.scratch.cleanup()


def build_world(
    config: Config, clock: Clock, seed: int, state_dir: Path | None, file_rules: list[Rule]
) -> World:
    """Open the state folder (or none) and assemble the parts.

    Raises:
        OSError: the folder cannot be used.
        sqlite3.Error: its database cannot be used, for example by a second simulator.
    """
    scratch = None
    if state_dir is None:
        scratch = tempfile.TemporaryDirectory(prefix="simulator-")
        media = Path(scratch.name)
    else:
        media = state_dir / "media"
        media.mkdir(parents=True, exist_ok=True)
    store = Store(state_dir)
    renderer = Renderer(media)
    script = Script(clock, _merged(file_rules, store.rules()))
    store.save_rules(script.states)
    studio = Studio(config, clock, seed, store, renderer)
    return World(
        config, clock, seed, file_rules, store, renderer, studio, script, clock.now(), scratch
    )


def _merged(file_rules: list[Rule], stored: list[RuleState]) -> list[RuleState]:
    """The file's rules with their stored counts, then the posted ones."""
    known = {state.rule.model_dump_json(): state for state in stored if state.from_file}
    states = [
        known.get(rule.model_dump_json()) or RuleState(rule=rule, from_file=True)
        for rule in file_rules
    ]
    return states + [state for state in stored if not state.from_file]
