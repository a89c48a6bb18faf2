"""Works out what a Bicep template would deploy: every module, loop and condition carried out.

`deploy(path, parameters)` gives the resources with their final ids and bodies. What only Azure
knows (a principal id, an endpoint that is not made of a name) is a `Later`: a text such as
`<id-x.properties.principalId>`, which keeps its resource. A wrong parameter, a reference to what
a condition left out, an unknown name or two resources with one id raise `BicepError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.bicep import functions
from tests.infra.bicep.functions import SUBSCRIPTION
from tests.infra.bicep.syntax import Node, Statement, parse

_KINDS: Mapping[str, type] = {"string": str, "bool": bool, "object": dict, "array": list}
Locals = Mapping[str, Any]


class BicepError(Exception):
    """What the compiler or Azure would refuse."""


@dataclass(frozen=True)
class Resource:
    """One resource, created or only referred to (`existing`)."""

    type: str
    version: str
    name: str
    id: str
    body: Mapping[str, Any]
    existing: bool
    file: str
    symbol: str
    scope: Any = None

    def __getitem__(self, path: str) -> Any:
        """A part of the body: `resource["properties.minimumTlsVersion"]`."""
        value: Any = self.body
        for part in path.split("."):
            value = value[part]
        return value


class Later(str):
    """What Azure answers after the deployment: `path` of `resource`."""

    resource: Resource
    path: str
    __slots__ = ("path", "resource")

    def __new__(cls, resource: Resource, path: str) -> Later:
        known = _known(resource, path)
        self = super().__new__(cls, f"<{resource.name}.{path}>" if known is None else known)
        self.resource, self.path = resource, path
        return self


class _Part(dict[str, Any]):
    """A part of a resource's body, in which what is missing is only missing yet."""

    def __init__(self, values: Mapping[str, Any], resource: Resource, path: str) -> None:
        super().__init__(values)
        self.resource, self.path = resource, path


@dataclass
class Module:
    """One use of a module."""

    path: str
    name: str
    template: _Template


@dataclass
class _Outputs:
    template: _Template


@dataclass
class Deployment:
    resources: list[Resource] = field(default_factory=list)
    """What is created."""
    referred: list[Resource] = field(default_factory=list)
    """What is only referred to."""
    modules: list[Module] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type_]

    def one(self, type_: str, start: str = "") -> Resource:
        """The only resource of a type whose name starts so."""
        (found,) = [each for each in self.of(type_) if each.name.startswith(start)]
        return found

    def add(self, resource: Resource) -> None:
        if resource.existing:
            self.referred.append(resource)
            return
        if any(other.id.lower() == resource.id.lower() for other in self.resources):
            raise BicepError(f"two resources are {resource.id}")
        self.resources.append(resource)


def deploy(path: Path, parameters: Mapping[str, Any]) -> Deployment:
    """Everything that a template at subscription scope creates. Raises BicepError, SyntaxError."""
    deployment = Deployment()
    template = _Template(deployment, path, parameters, f"/subscriptions/{SUBSCRIPTION}")
    template.carry_out()
    deployment.outputs = {name: template.output(name) for name in template.outputs}
    return deployment


class _Template:
    def __init__(
        self, deployment: Deployment, path: Path, given: Mapping[str, Any], scope: str
    ) -> None:
        self.deployment, self.path, self.given, self.scope = deployment, path, given, scope
        statements = parse(path)
        self.outputs = {each.name: each for each in statements if each.kind == "output"}
        self.named = {
            each.name: each for each in statements if each.kind not in ("output", "targetScope")
        }
        self.target = next(
            (each.name for each in statements if each.kind == "targetScope"), "resourceGroup"
        )
        self.values: dict[str, Any] = {}
        self.open: list[str] = []
        if self.target != ("resourceGroup" if "/resourceGroups/" in scope else "subscription"):
            raise self.wrong(f"is for a {self.target} and is deployed to {scope}")
        for name in given:
            if name not in self.named or self.named[name].kind != "param":
                raise self.wrong(f"has no parameter {name}")

    def wrong(self, what: str) -> BicepError:
        return BicepError(f"{self.path.name}: {what}")

    def carry_out(self) -> None:
        for statement in self.named.values():
            if statement.kind in ("param", "resource", "module"):
                self.value(statement.name)

    def output(self, name: str) -> Any:
        if name not in self.outputs:
            raise self.wrong(f"has no output {name}")
        statement = self.outputs[name]
        value = self.evaluate(_present(statement.value), {})
        self.check(value, statement.of, f"output {name}")
        return value

    def value(self, name: str) -> Any:
        """The value of a parameter, variable, resource or module, worked out once."""
        if name in self.values:
            return self.values[name]
        if name not in self.named or self.named[name].kind == "type":
            raise self.wrong(f"{name} is not declared")
        if name in self.open:
            raise self.wrong(f"a circle: {' -> '.join([*self.open, name])}")
        self.open.append(name)
        statement = self.named[name]
        if statement.kind == "param":
            made = self.parameter(statement)
        elif statement.kind == "var":
            made = self.evaluate(_present(statement.value), {})
        else:
            made = self.loop(statement, _present(statement.value), {})
        self.open.pop()
        self.values[name] = made
        return made

    # -- parameters and their types --

    def parameter(self, statement: Statement) -> Any:
        if statement.name in self.given:
            value = self.given[statement.name]
        elif statement.value is not None:
            value = self.evaluate(statement.value, {})
        elif statement.of[0] == "optional":
            value = None
        else:
            raise self.wrong(f"parameter {statement.name} is missing")
        self.check(value, statement.of, f"parameter {statement.name}")
        for decorator in statement.decorators:
            arguments = [self.evaluate(each, {}) for each in decorator.arguments]
            problem = functions.refused(decorator.name, arguments, value)
            if problem:
                raise self.wrong(f"parameter {statement.name} {problem}")
        return value

    def check(self, value: Any, kind: Node, what: str) -> None:
        if not self.fits(value, kind):
            raise self.wrong(f"{what} is {value!r}, not {kind}")

    def fits(self, value: Any, kind: Node) -> bool:
        match kind:
            case ("optional", inner):
                return value is None or self.fits(value, inner)
            case ("union", kinds):
                return any(self.fits(value, each) for each in kinds)
            case ("literal", literal):
                return bool(value == literal)
            case ("list", inner):
                return isinstance(value, list) and all(self.fits(each, inner) for each in value)
            case ("shape", shape):
                return (
                    isinstance(value, dict)
                    and set(value) <= set(shape)
                    and all(self.fits(value.get(name), each) for name, each in shape.items())
                )
            case ("named", "int"):
                return isinstance(value, int) and not isinstance(value, bool)
            case ("named", name) if name in _KINDS:
                return isinstance(value, _KINDS[name])
            case ("named", name) if name in self.named and self.named[name].kind == "type":
                return self.fits(value, self.named[name].of)
        raise self.wrong(f"type {kind} is not known")

    # -- resources and modules --

    def loop(self, statement: Statement, body: Node, local: Locals) -> Any:
        match body:
            case ("for", item, index, over, inner):
                return [
                    self.loop(
                        statement, inner, {**local, item: each, **({index: at} if index else {})}
                    )
                    for at, each in enumerate(self.evaluate(over, local))
                ]
            case ("when", condition, inner):
                return (
                    self.loop(statement, inner, local) if self.evaluate(condition, local) else None
                )
        if statement.kind == "module":
            return self.module(statement, self.evaluate(body, local))
        return self.resource(statement, self.evaluate(body, local))

    def rounds(self, item: str, index: str | None, over: Node, local: Locals) -> list[Locals]:
        """The names that each round of a loop sees."""
        return [
            {**local, item: each, **({index: at} if index else {})}
            for at, each in enumerate(self.evaluate(over, local))
        ]

    def module(self, statement: Statement, body: dict[str, Any]) -> Module:
        scope = body.get("scope")
        inner = _Template(
            self.deployment,
            (self.path.parent / statement.of).resolve(),
            body.get("params", {}),
            self.scope if scope is None else scope.id,
        )
        inner.carry_out()
        made = Module(statement.of, body["name"], inner)
        self.deployment.modules.append(made)
        return made

    def resource(self, statement: Statement, body: dict[str, Any]) -> Resource:
        type_, version = statement.of.split("@")
        scope, parent = body.pop("scope", None), body.pop("parent", None)
        body.pop("dependsOn", None)
        if parent is not None:
            if type_.rpartition("/")[0] != parent.type:
                raise self.wrong(f"{statement.name}: a {type_} does not lie in a {parent.type}")
            id_ = f"{parent.id}/{type_.rpartition('/')[2]}/{body['name']}"
        elif type_ == "Microsoft.Resources/resourceGroups":
            id_ = f"{self.scope}/resourceGroups/{body['name']}"
        else:
            within = self.scope if scope is None else scope.id
            id_ = f"{within}/providers/{type_}/{body['name']}"
        made = Resource(
            type_,
            version,
            body["name"],
            id_,
            body,
            statement.existing,
            self.path.name,
            statement.name,
            scope,
        )
        self.deployment.add(made)
        return made

    # -- expressions --

    def evaluate(self, node: Node, local: Locals) -> Any:
        match node:
            case ("value", value):
                return value
            case ("text", *parts):
                if len(parts) == 1:
                    return parts[0]
                return "".join(
                    part if isinstance(part, str) else functions.string(self.evaluate(part, local))
                    for part in parts
                )
            case ("name", name):
                return local[name] if name in local else self.value(name)
            case ("get", inner, name, safe):
                return self.get(self.evaluate(inner, local), name, safe=safe)
            case ("index", inner, key, safe):
                value, at = self.evaluate(inner, local), self.evaluate(key, local)
                return self.index(value, at, safe=safe)
            case ("object", pairs):
                return {
                    self.evaluate(key, local): self.evaluate(value, local) for key, value in pairs
                }
            case ("array", items):
                return [self.evaluate(item, local) for item in items]
            case ("for", item, index, over, inner):
                return [
                    self.evaluate(inner, inside) for inside in self.rounds(item, index, over, local)
                ]
            case ("if", condition, then, otherwise):
                return self.evaluate(then if self.evaluate(condition, local) else otherwise, local)
            case ("not", inner):
                return not self.evaluate(inner, local)
            case ("minus", inner):
                return -self.evaluate(inner, local)
            case ("binary", operator, left, right):
                return self.binary(operator, left, right, local)
            case ("lambda", arguments, body):
                return lambda *values: self.evaluate(
                    body, {**local, **dict(zip(arguments, values, strict=True))}
                )
            case ("call", name, arguments):
                return self.call(name, [self.evaluate(each, local) for each in arguments])
        raise self.wrong(f"cannot evaluate {node}")

    def binary(self, operator: str, left: Node, right: Node, local: Locals) -> Any:
        first = self.evaluate(left, local)
        if operator == "??":
            return self.evaluate(right, local) if first is None else first
        if operator == "&&":
            return first and self.evaluate(right, local)
        if operator == "||":
            return first or self.evaluate(right, local)
        return functions.OPERATORS[operator](first, self.evaluate(right, local))

    def call(self, name: str, arguments: list[Any]) -> Any:
        if name in ("loadTextContent", "loadJsonContent"):
            text = (self.path.parent / arguments[0]).read_text()
            return text if name == "loadTextContent" else json.loads(text)
        if name == "resourceGroup" and arguments:
            subscription, group = arguments
            id_ = f"/subscriptions/{subscription}/resourceGroups/{group}"
            kind = "Microsoft.Resources/resourceGroups"
            return Resource(kind, "", group, id_, {}, True, self.path.name, "resourceGroup()")
        function: Callable[..., Any] | None = functions.FUNCTIONS.get(name)
        if function is None:
            raise self.wrong(f"function {name} is not known")
        return function(*arguments)

    def get(self, value: Any, name: str, *, safe: bool) -> Any:
        if isinstance(value, Resource):
            if name in ("id", "name", "type"):
                return getattr(value, name)
            return _inside(value, name, value.body.get(name))
        if isinstance(value, Later):
            return Later(value.resource, f"{value.path}.{name}")
        if isinstance(value, _Part):
            return _inside(value.resource, f"{value.path}.{name}", value.get(name))
        if isinstance(value, Module) and name == "outputs":
            return _Outputs(value.template)
        if isinstance(value, _Outputs):
            return value.template.output(name)
        if isinstance(value, dict) and name in value:
            return value[name]
        if safe and (value is None or isinstance(value, dict)):
            return None
        raise self.wrong(f"there is no {name} in {value!r}")

    def index(self, value: Any, key: Any, *, safe: bool) -> Any:
        try:
            return value[key]
        except (KeyError, IndexError, TypeError):
            if safe:
                return None
            raise self.wrong(f"there is no {key!r} in {value!r}") from None


def _inside(resource: Resource, path: str, value: Any) -> Any:
    if value is None:
        return Later(resource, path)
    return _Part(value, resource, path) if isinstance(value, dict) else value


def _known(resource: Resource, path: str) -> str | None:
    """Answers of Azure that are made of a resource's name."""
    kind, _, part = path.rpartition(".")
    if resource.type == "Microsoft.Storage/storageAccounts" and kind.endswith("primaryEndpoints"):
        return f"https://{resource.name}.{part}.core.windows.net/"
    if resource.type == "Microsoft.EventGrid/topics" and path == "properties.endpoint":
        region = resource.body["location"]
        return f"https://{resource.name}.{region}-1.eventgrid.azure.net/api/events"
    return None


def _present(node: Node | None) -> Node:
    assert node is not None
    return node
