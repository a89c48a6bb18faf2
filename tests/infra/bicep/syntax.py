"""Reads Bicep into trees: the part of the language that `infra/` uses, and no more.

There is no Bicep compiler on PyPI, npm or Debian, and `pycep` (which the tests run as well) only
tells whether a file parses: in its trees `'a'` and `a` are the same. What is not understood here
raises `SyntaxError` with file and line, so nothing is skipped silently.

An expression is a tuple whose first element names its kind:

    ("text", part, ...)  ("value", 1|True|None)  ("name", n)  ("get", object, name, safe)
    ("index", object, expression, safe)  ("call", function, [arguments])
    ("lambda", [names], body)
    ("not", x)  ("minus", x)  ("binary", operator, a, b)  ("if", condition, then, otherwise)
    ("object", [(key expression, value)])  ("array", [values])
    ("for", item name, index name or None, over, body)  ("when", condition, body)

A type is one too: ("named", n)  ("literal", v)  ("union", [types])  ("list", type)
("optional", type)  ("shape", {name: type}).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Node = tuple[Any, ...]

_TOKEN = re.compile(
    r"(?P<space>[ \t\r]+|//[^\n]*|/\*.*?\*/|\#[a-z-]+[^\n]*)"
    r"|(?P<newline>\n)"
    r"|(?P<long>'''.*?''')"
    r"|(?P<quote>')"
    r"|(?P<number>\d+)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark>\.\?|\?\?|=>|==|!=|>=|<=|&&|\|\||[{}\[\]().,:?!<>+*/%=@|-])",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", "$": "$"}
_BINARY = (
    ("??",),
    ("||",),
    ("&&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Token:
    kind: str
    value: Any
    line: int


@dataclass(frozen=True)
class Decorator:
    name: str
    arguments: list[Node]


@dataclass(frozen=True)
class Statement:
    """`kind`: targetScope, type, param, var, resource, module, output. `of` is a resource's type
    with its version, a module's path, or the type of a parameter or output."""

    kind: str
    name: str
    of: Any = None
    value: Node | None = None
    existing: bool = False
    decorators: list[Decorator] = field(default_factory=list)


def parse(path: Path) -> list[Statement]:
    """All statements of a file. Raises SyntaxError."""
    return _Parser(path.read_text(), str(path)).file()


def names(node: Any) -> Iterator[str]:
    """Every name that an expression mentions."""
    if isinstance(node, tuple) and node and node[0] == "name":
        yield node[1]
    elif isinstance(node, tuple | list):
        for part in node:
            yield from names(part)


class _Lexer:
    def __init__(self, text: str, where: str) -> None:
        self.text, self.where, self.at, self.line = text, where, 0, 1

    def fail(self, what: str, line: int | None = None) -> SyntaxError:
        return SyntaxError(f"{self.where}:{line or self.line}: {what}")

    def tokens(self, *, inside_text: bool = False) -> list[Token]:
        found: list[Token] = []
        depth = 0
        while self.at < len(self.text):
            if inside_text and depth == 0 and self.text[self.at] == "}":
                break
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise self.fail(f"unexpected {self.text[self.at]!r}")
            kind, value = str(match.lastgroup), match.group()
            line, self.at = self.line, match.end()
            self.line += value.count("\n")
            if kind == "quote":
                found.append(Token("text", self._text(), line))
            elif kind == "long":
                found.append(Token("text", [value[3:-3].removeprefix("\n")], line))
            elif kind != "space":
                depth += {"{": 1, "}": -1}.get(value, 0)
                found.append(Token(kind, value, line))
        return [*found, Token("end", "", self.line)]

    def _text(self) -> list[Any]:
        """Up to the closing quote: strings, and lists of tokens for what is interpolated."""
        parts: list[Any] = [""]
        while self.at < len(self.text) and self.text[self.at] not in "'\n":
            here = self.text[self.at]
            if here == "\\":
                parts[-1] += _ESCAPES[self.text[self.at + 1]]
                self.at += 2
            elif self.text.startswith("${", self.at):
                self.at += 2
                parts += [self.tokens(inside_text=True), ""]
                self.at += 1
            else:
                parts[-1] += here
                self.at += 1
        if self.text[self.at : self.at + 1] != "'":
            raise self.fail("text without an end")
        self.at += 1
        return parts


class _Parser:
    def __init__(self, text: str, where: str, tokens: list[Token] | None = None) -> None:
        self.where = where
        self.tokens = _Lexer(text, where).tokens() if tokens is None else tokens
        self.at = 0

    # -- tokens --

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def fail(self) -> SyntaxError:
        return SyntaxError(f"{self.where}:{self.here.line}: unexpected {self.here.value!r}")

    def next(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def is_at(self, *values: str) -> bool:
        return self.here.kind in ("mark", "word", "newline", "end") and self.here.value in values

    def takes(self, *values: str) -> str | None:
        return str(self.next().value) if self.is_at(*values) else None

    def need(self, value: str) -> None:
        if self.takes(value) is None:
            raise self.fail()

    def word(self) -> str:
        if self.here.kind != "word":
            raise self.fail()
        return str(self.next().value)

    def plain(self) -> str:
        if self.here.kind != "text" or len(self.here.value) != 1:
            raise self.fail()
        return str(self.next().value[0])

    def newlines(self) -> None:
        while self.takes("\n"):
            pass

    # -- statements --

    def file(self) -> list[Statement]:
        statements = []
        self.newlines()
        while self.here.kind != "end":
            statements.append(self.statement())
            if self.here.kind != "end":
                self.need("\n")
            self.newlines()
        return statements

    def statement(self) -> Statement:
        decorators = []
        while self.takes("@"):
            name = self.word()
            decorators.append(Decorator(name, self.arguments()))
            self.newlines()
        kind = self.word()
        if kind == "targetScope":
            self.need("=")
            return Statement(kind, self.plain())
        name = self.word()
        of: Any = None
        existing = False
        value: Node | None = None
        if kind in ("param", "output"):
            of = self.type()
        elif kind in ("resource", "module"):
            of = self.plain()
            existing = self.takes("existing") is not None
        elif kind == "type":
            self.need("=")
            return Statement(kind, name, self.type(), decorators=decorators)
        elif kind != "var":
            raise self.fail()
        if kind != "param" or self.is_at("="):
            self.need("=")
            value = self.body() if kind in ("resource", "module") else self.expression()
        return Statement(kind, name, of, value, existing, decorators)

    def body(self) -> Node:
        if self.takes("if"):
            self.need("(")
            condition = self.expression()
            self.need(")")
            return ("when", condition, self.expression())
        return self.expression()

    def type(self) -> Node:
        kinds = [self.one_type()]
        while self.takes("|"):
            kinds.append(self.one_type())
        return kinds[0] if len(kinds) == 1 else ("union", kinds)

    def one_type(self) -> Node:
        kind: Node
        if self.here.kind == "text":
            kind = ("literal", self.plain())
        elif self.takes("{"):
            shape = {}
            self.newlines()
            while not self.takes("}"):
                name = self.word()
                self.need(":")
                shape[name] = self.type()
                self.newlines()
            kind = ("shape", shape)
        else:
            kind = ("named", self.word())
        while True:
            if self.takes("["):
                self.need("]")
                kind = ("list", kind)
            elif self.takes("?"):
                kind = ("optional", kind)
            else:
                return kind

    # -- expressions --

    def expression(self) -> Node:
        condition = self.binary(0)
        if not self.takes("?"):
            return condition
        then = self.expression()
        self.need(":")
        return ("if", condition, then, self.expression())

    def binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.takes(*_BINARY[level]):
            left = ("binary", operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.takes("!"):
            return ("not", self.unary())
        if self.takes("-"):
            return ("minus", self.unary())
        return self.postfix(self.primary())

    def postfix(self, node: Node) -> Node:
        while True:
            if self.takes("."):
                node = ("get", node, self.word(), False)
            elif self.takes(".?"):
                node = ("get", node, self.word(), True)
            elif self.takes("["):
                safe = self.takes("?") is not None
                node = ("index", node, self.expression(), safe)
                self.need("]")
            elif self.is_at("!"):  # `x!`: not null; `!=` is a mark of its own
                self.next()
            else:
                return node

    def primary(self) -> Node:
        token = self.here
        if token.kind == "text":
            return self.text()
        if token.kind == "number":
            return ("value", int(self.next().value))
        if self.takes("{"):
            return self.object()
        if self.takes("["):
            return self.array()
        if self.takes("("):
            inner = self.expression()
            self.need(")")
            return inner
        name = self.word()
        if name in _WORDS:
            return ("value", _WORDS[name])
        if self.is_at("("):
            return ("call", name, self.arguments())
        if self.takes("=>"):
            return ("lambda", [name], self.expression())
        return ("name", name)

    def text(self) -> Node:
        parts: list[Any] = []
        for part in self.next().value:
            if isinstance(part, str):
                parts.append(part)
            else:
                inner = _Parser("", self.where, part)
                parts.append(inner.expression())
                if inner.here.kind != "end":
                    raise inner.fail()
        return ("text", *parts)

    def arguments(self) -> list[Node]:
        self.need("(")
        given: list[Node] = []
        self.newlines()
        while not self.takes(")"):
            if given:
                self.need(",")
                self.newlines()
            given.append(self.expression())
            self.newlines()
        return given

    def object(self) -> Node:
        pairs: list[tuple[Node, Node]] = []
        self.newlines()
        while not self.takes("}"):
            key = self.text() if self.here.kind == "text" else ("text", self.word())
            self.need(":")
            pairs.append((key, self.expression()))
            if not self.is_at("}", "\n"):
                self.need(",")
            self.newlines()
        return ("object", pairs)

    def array(self) -> Node:
        if self.takes("for"):
            return self.loop()
        items: list[Node] = []
        self.newlines()
        while not self.takes("]"):
            items.append(self.expression())
            if not self.is_at("]", "\n"):
                self.need(",")
            self.newlines()
        return ("array", items)

    def loop(self) -> Node:
        index = None
        if self.takes("("):
            item = self.word()
            self.need(",")
            index = self.word()
            self.need(")")
        else:
            item = self.word()
        self.need("in")
        over = self.expression()
        self.need(":")
        body = self.body()
        self.need("]")
        return ("for", item, index, over, body)
