"""Runs a fault script: matching, counting, throwing dice."""

import random
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from local.simulator.clock import Clock
from local.simulator.config import Dialect
from local.simulator.faults.actions import Action, NotFoundAfterCreate, Storm
from local.simulator.faults.rules import Rule


@dataclass(frozen=True)
class Occasion:
    """What a rule can match. `ordinal` and `prompt` are those of the request's job, if any."""

    operation: str
    dialect: Dialect
    deployment: str | None = None
    ordinal: int | None = None
    prompt: str | None = None
    variant: str | None = None
    job_age: float | None = None


class RuleState(BaseModel):
    """A rule, its origin, and how often it matched and acted."""

    rule: Rule
    from_file: bool = False
    seen: int = 0
    hits: int = 0
    storm_until: float | None = None

    def described(self) -> dict[str, Any]:
        """The rule as given, with its counts."""
        counts = {"seen": self.seen, "hits": self.hits, "from_file": self.from_file}
        return self.rule.model_dump(exclude_none=True) | counts


class Script:
    """All rules, in order. Not thread-safe: it belongs to the event loop."""

    def __init__(self, clock: Clock, states: list[RuleState]) -> None:
        self._clock = clock
        self.states = states
        self.changed = False
        """Whether counts changed and should be stored."""

    def fire(self, occasion: Occasion) -> list[Action]:
        """The actions that hit this request; at most one of them decides the answer."""
        fired: list[Action] = []
        answered = False
        for state in self.states:
            action = state.rule.action
            if (answered and action.answers) or not self._matches(state.rule, occasion):
                continue
            if self._acts(state):
                fired.append(action)
                answered = answered or action.answers
        return fired

    def _matches(self, rule: Rule, occasion: Occasion) -> bool:
        wanted = rule.match
        if isinstance(rule.action, NotFoundAfterCreate):
            young = self._clock.lasts(rule.action.seconds)
            if occasion.job_age is None or occasion.job_age >= young:
                return False
        return (
            rule.operation in ("*", occasion.operation)
            and rule.dialect in (None, occasion.dialect)
            and rule.deployment in (None, occasion.deployment)
            and wanted.job in (None, occasion.ordinal)
            and wanted.variant in (None, occasion.variant)
            and (wanted.prompt_contains is None
                 or wanted.prompt_contains in (occasion.prompt or ""))
        )  # fmt: skip

    def _acts(self, state: RuleState) -> bool:
        rule = state.rule
        state.seen += 1
        self.changed = True
        if state.storm_until is not None and self._clock.now() < state.storm_until:
            state.hits += 1
            return True
        if state.seen <= rule.skip or (rule.times != "unlimited" and state.hits >= rule.times):
            return False
        # Dice that depend on the count alone fall the same way after a restart.
        if random.Random(f"{rule.seed}/{state.seen}").random() >= rule.probability:
            return False
        state.hits += 1
        if isinstance(rule.action, Storm):
            state.storm_until = self._clock.now() + self._clock.lasts(rule.action.seconds)
        return True
