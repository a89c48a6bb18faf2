"""Every Kusto query, in workbook, alerts and docs, against the schema and against what is emitted.

Microsoft's own parser knows syntax, tables and columns. What `parse-kv` takes out of a message is
text to it, so the events, their fields and the words they are compared with are held against
`shared.telemetry.events` and the code here.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

import pytest

from shared.telemetry.events import EVENTS, Event, Spec
from tests.infra.templates import INFRA, ROOT, deployed

COMMON = (
    "timestamp: datetime, itemType: string, customDimensions: dynamic,"
    " customMeasurements: dynamic, operation_Name: string, operation_Id: string,"
    " operation_ParentId: string, operation_SyntheticSource: string, session_Id: string,"
    " user_Id: string, user_AuthenticatedId: string, user_AccountId: string,"
    " application_Version: string, client_Type: string, client_Model: string, client_OS: string,"
    " client_IP: string, client_City: string, client_StateOrProvince: string,"
    " client_CountryOrRegion: string, client_Browser: string, cloud_RoleName: string,"
    " cloud_RoleInstance: string, appId: string, appName: string, iKey: string,"
    " sdkVersion: string, itemId: string, itemCount: int, _ResourceId: string"
)
# The tables of Application Insights under the names that a component's own queries use
# (learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and its siblings).
TABLES = {
    "traces": f"({COMMON}, message: string, severityLevel: int)",
    "requests": f"({COMMON}, id: string, source: string, name: string, url: string,"
    " success: string, resultCode: string, duration: real, performanceBucket: string)",
    "dependencies": f"({COMMON}, id: string, target: string, type: string, name: string,"
    " data: string, success: string, resultCode: string, duration: real,"
    " performanceBucket: string)",
    "exceptions": f"({COMMON}, problemId: string, handledAt: string, type: string,"
    " message: string, assembly: string, method: string, outerType: string,"
    " outerMessage: string, outerAssembly: string, outerMethod: string, innermostType: string,"
    " innermostMessage: string, innermostAssembly: string, innermostMethod: string,"
    " severityLevel: int, details: dynamic)",
}
EMITTED: Mapping[str, Spec] = {event.value: spec for event, spec in EVENTS.items()}
PARSE = re.compile(r"\| parse-kv message as \(([^)]*)\) with (\([^)]*\))")
HOW = '(pair_delimiter=" ", kv_delimiter="=", quote="\\"", escape="\\\\")'
COMPARED = re.compile(
    r'\b(event|status|code|cost_state|reason)\s*(?:==|!=|!?in)\s*(\([^)]*\)|"[^"]*")'
)


def of_the_workbook() -> Iterator[tuple[str, str]]:
    workbook = json.loads(
        deployed().one("Microsoft.Insights/workbooks")["properties.serializedData"]
    )
    for item in workbook["items"]:
        if item["type"] == 3:
            text = item["content"]["query"].replace("{TimeRange:grain}", "5m")
            yield f"workbook: {item['name']}", text.replace("{video_id}", "video_0")


def of_the_alerts() -> Iterator[tuple[str, str]]:
    for rule in deployed().of("Microsoft.Insights/scheduledQueryRules"):
        yield f"alert: {rule.name}", rule["properties.criteria"]["allOf"][0]["query"]


def of_the_docs() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"^ *```kql\n(.*?)^ *```", path.read_text(), re.DOTALL | re.MULTILINE)
        for number, block in enumerate(blocks, 1):
            yield f"docs: {path.name} {number}", block


QUERIES = {**dict(of_the_workbook()), **dict(of_the_alerts()), **dict(of_the_docs())}


WRONG = {
    "traces | where massage == 1": "massage",
    "trace | take 1": "trace",
    "traces | summarize nosuch(message)": "nosuch",
    "traces | where": "",
}


@lru_cache
def all_diagnostics() -> dict[str, list[dict[str, str]]]:
    """What Microsoft's parser says of each query, the wrong ones too."""
    answer = subprocess.run(
        ["node", str(ROOT / "tests" / "infra" / "kusto.cjs"), str(ROOT / "node_modules")],
        input=json.dumps({"tables": TABLES, "queries": {**QUERIES, **{q: q for q in WRONG}}}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, list[dict[str, str]]] = json.loads(answer.stdout)
    return found


@lru_cache
def words_of_the_code() -> set[str]:
    """Every text constant of the app."""
    return {
        node.value
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def problems(query: str, emitted: Mapping[str, Spec] = EMITTED) -> list[str]:
    """Where a query and what is emitted disagree, one pipeline after the other."""
    found = []
    for pipeline in re.sub(r"^\s*//.*$", "", query, flags=re.MULTILINE).split(";"):
        named = re.findall(r'"event=(\w+) "', pipeline)
        open_ended = set(re.findall(r'"event=(\w+)', pipeline)) - set(named)
        found += [f"event={word} has no blank behind it: fits others too" for word in open_ended]
        for column, text in COMPARED.findall(pipeline):
            words = re.findall(r'"([^"]*)"', text)
            if column == "event":
                named += words
            else:
                unknown = [word for word in words if word not in words_of_the_code()]
                found += [f"nothing says {column}={word}" for word in unknown]
        found += [f"there is no event {name}" for name in named if name not in emitted]
        if (parsed := PARSE.search(pipeline)) is None:
            continue
        if parsed[2] != HOW:
            found.append("parse-kv does not read lines as shared.telemetry.events writes them")
        specs = [emitted[name] for name in named if name in emitted] or emitted.values()
        fields = {"event"}.union(*(spec.fields for spec in specs))
        columns = re.findall(r"(\w+):", parsed[1])
        found += [f"{column} is no field of {named}" for column in columns if column not in fields]
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_parses_against_the_schema(name: str) -> None:
    assert all_diagnostics()[name] == []


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_what_is_emitted(name: str) -> None:
    assert problems(QUERIES[name]) == []


def test_every_query_file_is_used() -> None:
    text = "".join(path.read_text() for path in (INFRA / "modules").glob("*.bicep"))
    for path in (INFRA / "queries").glob("*.kql"):
        assert f"queries/{path.name}'" in text, path.name
        assert path.read_text().startswith("// "), "says what it asks"


def test_there_are_queries_of_each_kind() -> None:
    kinds = [name.partition(":")[0] for name in QUERIES]
    assert kinds.count("workbook") >= 15
    assert kinds.count("alert") >= 9
    assert kinds.count("docs") >= 3


@pytest.mark.parametrize(("query", "says"), WRONG.items())
def test_the_parser_finds_what_is_wrong(query: str, says: str) -> None:
    (found, *_) = all_diagnostics()[query]
    assert found["severity"] == "Error"
    assert says in found["message"]


RIGHT = QUERIES["workbook: Failures by cause"]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("event=video_ended ", "event=video_finished ", "no event video_finished"),
        ("event=video_ended ", "event=video_ended", "fits others"),
        ("code: string", "cause: string", "cause is no field"),
        ('"failed"', '"broken"', "nothing says status=broken"),
        ('kv_delimiter="="', 'kv_delimiter=":"', "parse-kv"),
    ],
)
def test_a_wrong_event_field_or_word_is_found(was: str, becomes: str, says: str) -> None:
    assert was in RIGHT
    assert any(says in problem for problem in problems(RIGHT.replace(was, becomes)))


def test_an_event_or_field_that_is_renamed_in_the_code_is_found() -> None:
    others = {name: spec for name, spec in EMITTED.items() if name != "video_ended"}
    ended = EVENTS[Event.VIDEO_ENDED]
    assert "there is no event video_ended" in problems(RIGHT, {**others, "video_over": ended})
    renamed = tuple("cause" if field == "code" else field for field in ended.fields)
    changed = {**EMITTED, "video_ended": replace(ended, fields=renamed)}
    assert problems(RIGHT, changed) == ["code is no field of ['video_ended']"]
