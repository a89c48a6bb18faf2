"""Alerts, workbook and budget: each alert leads to its paragraph, and the workbook is one."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from shared.domain import retry_after
from shared.telemetry.events import EVENTS
from tests.infra.bicep.evaluate import Resource
from tests.infra.templates import ROOT, deployed

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
RULES = deployed().of("Microsoft.Insights/scheduledQueryRules")
METRICS = deployed().of("Microsoft.Insights/metricAlerts")
MINUTES = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT6H": 360, "P1D": 1440}


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("rule", [*RULES, *METRICS], ids=lambda rule: rule.name)
def test_an_alert_leads_to_its_paragraph(rule: Resource) -> None:
    link = re.search(r"docs/operations\.md#([\w-]+)$", rule["properties.description"])
    assert link is not None
    assert link[1] in anchors(RUNBOOK.split("\n# Alerts\n")[1])


def test_every_paragraph_about_an_alert_has_one() -> None:
    linked = {rule["properties.description"].rpartition("#")[2] for rule in [*RULES, *METRICS]}
    about = anchors(RUNBOOK.split("\n# Alerts\n")[1])
    assert about - linked == set()


def test_the_alerts_that_must_exist_do() -> None:
    names = {rule.name.removeprefix("durable-video-test-") for rule in RULES}
    assert names >= {
        "videos-fail",
        "a-video-is-stuck",
        "a-job-expires",
        "the-daily-ceiling-is-near",
        "an-upstream-throttles",
        "a-deployment-is-out",
    }
    assert any("DeadLetteredCount" in str(rule.body) for rule in METRICS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_looks_back_at_least_as_long_as_it_pauses(rule: Resource) -> None:
    every, window = (
        MINUTES[rule[f"properties.{name}"]] for name in ("evaluationFrequency", "windowSize")
    )
    assert every <= window
    assert rule["properties.actions"]["actionGroups"]
    assert rule["properties.enabled"] is True
    assert "{" not in rule["properties.criteria"]["allOf"][0]["query"]


def test_a_ceiling_that_is_none_has_no_alert() -> None:
    for limit in (0, -1):
        made = deployed(budgetUsdPerDay=limit)
        rule = made.one(
            "Microsoft.Insights/scheduledQueryRules", "durable-video-test-the-daily-ceiling"
        )
        assert rule["properties.enabled"] is False


def test_alerts_know_the_limits_of_the_app() -> None:
    made = deployed(budgetUsdPerDay=50, queueDeadlineHours=6)
    queries = {
        rule.name.rpartition("test-")[2]: rule["properties.criteria"]["allOf"][0]["query"]
        for rule in made.of("Microsoft.Insights/scheduledQueryRules")
    }
    assert "usd >= 0.8 * 50" in queries["the-daily-ceiling-is-near"]
    assert "0.8 * 3600 * 6" in queries["the-line-is-old"]


def query_of(rule: str) -> str:
    made = deployed().one("Microsoft.Insights/scheduledQueryRules", f"durable-video-test-{rule}")
    return str(made["properties.criteria"]["allOf"][0]["query"])


def test_an_upstream_that_asks_for_a_day_of_patience_is_heard_of() -> None:
    """It answers 429 once a day: counted alone, that is never much."""
    found = re.search(r"paused_seconds >= (\d+)", query_of("an-upstream-throttles"))
    assert found is not None
    assert int(found[1]) <= retry_after.LONGEST


def test_the_ceiling_counts_what_a_move_reserves() -> None:
    query = query_of("the-daily-ceiling")
    assert '"event=video_moved "' in query
    assert "arg_max(timestamp, reserved_micro_usd)" in query  # and not the first
    assert "accepted > 0" in query  # it belongs to the day of the admission


def test_one_video_has_the_lines_about_its_workers() -> None:
    """They name the instance, which begins with the video's id."""
    of_workers = [event for event, spec in EVENTS.items() if "instance" in spec.fields]
    assert of_workers
    (chart,) = [item for item in workbook()["items"] if item["name"].startswith("Every line")]
    assert 'instance startswith "{video_id}-"' in chart["content"]["query"]


def workbook() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        deployed().one("Microsoft.Insights/workbooks")["properties.serializedData"]
    )
    return document


def test_the_workbook_has_a_section_for_every_question() -> None:
    texts = [item["content"]["json"] for item in workbook()["items"] if item["type"] == 1]
    titles = [text.splitlines()[0].removeprefix("## ") for text in texts]
    assert titles == ["Health", "Queue", "Throughput", "Cost", "Events", "Repairs", "One video"]
    charts = {item["name"] for item in workbook()["items"] if item["type"] == 3}
    assert charts >= {"By day, model and caller", "Failures by cause", "Slowest videos"}


def test_every_chart_is_asked_of_the_component_for_the_time_that_was_chosen() -> None:
    items = workbook()["items"]
    (parameters,) = [item for item in items if item["type"] == 9]
    names = {each["name"] for each in parameters["content"]["parameters"]}
    assert names == {"TimeRange", "video_id"}
    assert len({item["name"] for item in items}) == len(items)
    for item in items:
        if item["type"] == 3:
            content = item["content"]
            assert content["timeContextFromParameter"] == "TimeRange"
            assert content["resourceType"] == "microsoft.insights/components"
            used = set(re.findall(r"\{(\w+)(?::grain)?\}", content["query"]))
            assert used <= names, item["name"]


def test_the_runbook_names_charts_that_exist() -> None:
    charts = {item["name"] for item in workbook()["items"] if item["type"] == 3}
    for line in RUNBOOK.splitlines():
        if "Workbook, *" in line:
            for name in re.findall(r"\*([A-Z][^*]+)\*", line.partition("Workbook, ")[2]):
                assert name in charts, name


def test_the_budget_tells_at_80_percent() -> None:
    budget = deployed(alertEmail="night@example.com").one("Microsoft.Consumption/budgets")
    spent = budget["properties.notifications"]["spent80"]
    assert (spent["threshold"], spent["thresholdType"], spent["enabled"]) == (80, "Actual", True)
    assert spent["contactEmails"] == ["night@example.com"]
    assert date.fromisoformat(budget["properties.timePeriod"]["startDate"]).day == 1


def test_links_within_the_docs_lead_somewhere() -> None:
    for name in ("operations.md", "security.md"):
        text = (ROOT / "docs" / name).read_text()
        for file, target in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", text):
            there = text if not file else (ROOT / "docs" / file).read_text()
            assert target in anchors(there), f"{name}: {file}#{target}"
