"""Registering the functions of one test module, as an app's blueprint does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.durable_functions as df
from azure.functions.decorators.function_app import FunctionBuilder


class Functions:
    """The decorators of a blueprint; `builders` is what they returned, for `TimeTravel`."""

    def __init__(self) -> None:
        self.builders: list[FunctionBuilder] = []
        self._bp = df.Blueprint()

    def orchestrator(self, code: Callable[..., Any]) -> FunctionBuilder:
        return self.register(self._bp.orchestration_trigger(context_name="context")(code))

    def activity(self, code: Callable[..., Any]) -> FunctionBuilder:
        return self.register(self._bp.activity_trigger(input_name="value")(code))

    def entity(self, code: Callable[..., Any]) -> FunctionBuilder:
        return self.register(self._bp.entity_trigger(context_name="context")(code))

    def register(self, builder: FunctionBuilder) -> FunctionBuilder:
        self.builders.append(builder)
        return builder
