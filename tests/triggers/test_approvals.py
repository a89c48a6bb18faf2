"""Above a caller's `approval_above_usd` a person decides: once, in time, and never the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from local.stack import API_KEY, ROOT
from shared.domain.errors import ApprovalRequired, Problem
from shared.domain.limits import APPROVALS_KEPT
from shared.lifecycle.requests import approvals
from shared.lifecycle.requests.admit import BatchLine, admit, payload
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.fields import parse
from shared.lifecycle.requests.pace import Pace
from shared.lifecycle.services import Services
from shared.storage.rows import RowChanged, RowExists
from tests.conftest import Simulator
from tests.support import heirs
from tests.support.driver import drive
from tests.support.surface import Answer, Durable, send
from tests.triggers.mcp.conftest import BOSS_KEY, OTHER_KEY, call, callers, digest

pytestmark = pytest.mark.real_storage

App = Callable[..., Services]

FOX = {"prompt": "a fox that only two may see"}
LINK = re.compile(r"http://\S+/approvals/approval_[0-9a-f]{40}")


@pytest.fixture
def asking(app: App) -> Services:
    """The app, where `local` may spend 30 cents on a video alone, and `boss` decides on more."""
    return app(CALLERS=callers(approval_above_usd=0.3))


def create(key: str | None = "fox", caller: str = API_KEY, **body: Any) -> Answer:
    headers = {} if key is None else {"idempotency-key": key}
    return send("POST", "/videos", body=FOX | body, key=caller, headers=headers, client=Durable())


def asked(answer: Answer) -> dict[str, Any]:
    assert (answer.status, answer.json["error"]["code"]) == (403, "approval_required"), answer.json
    approval: dict[str, Any] = answer.json["error"]["approval"]
    return approval


def approve(approval: dict[str, Any], key: str = BOSS_KEY, estimated: str | None = None) -> Answer:
    body = {"estimated": estimated or approval["estimated"]}
    return send("POST", f"/approvals/{approval['id']}/approve", body=body, key=key)


def spent(services: Services) -> list[Any]:
    return [
        dict(row)
        for table in ("ledger", "idempotency", "videos", "work")
        for row in services.account.tables.get_table_client(table).list_entities()
    ]


def test_a_person_approves_and_the_same_request_goes_through_once(
    asking: Services, simulator: Simulator
) -> None:
    refused = create()
    approval = asked(refused)
    error = refused.json["error"]
    assert (approval["estimated"], error["charged"], error["retryable"]) == ("0.40", False, True)
    assert LINK.search(error["message"])
    assert approval["url"].endswith(f"/approvals/{approval['id']}")
    assert spent(asking) == []
    # the link alone, and asking again, change nothing
    assert asked(create()) == approval
    shown = send("GET", f"/approvals/{approval['id']}", key=BOSS_KEY).json
    assert {name: shown[name] for name in ("status", "caller", "prompt", "estimated", "model")} == {
        "status": "pending",
        "caller": "key:local",
        "prompt": FOX["prompt"],
        "estimated": "0.40",
        "model": "sora-2",
    }
    assert shown["yours_to_approve"] is True
    given = approve(approval)
    assert (given.status, given.json["status"]) == (200, "approved")
    assert given.json["approved_by"] == "key:boss"
    assert spent(asking) == []

    with ThreadPoolExecutor(10) as pool:
        made = {each.json["id"] for each in pool.map(lambda _: create(), range(10))}
    (video_id,) = made
    drive(asking, payload(asking, video_id, "key:local", 1))
    assert len(simulator.journal()["jobs"]) == 1
    assert create().json["status"] == "completed"
    shown = send("GET", f"/approvals/{approval['id']}", key=BOSS_KEY).json
    assert (shown["status"], shown["video_id"], shown["prompt"]) == ("used", video_id, None)


def test_another_request_is_not_approved(asking: Services) -> None:
    approve(asked(create()))
    for other in (
        create(prompt="a hare"),
        create("hare"),
        create(seconds="8"),
        create(fit="cover", metadata={"a": "b"}),
    ):
        assert asked(other)
    assert spent(asking) == []
    assert create().status == 200


def test_what_would_fail_with_its_key_is_not_put_to_a_person(asking: Services) -> None:
    """They would approve it, and the agent would be refused all the same."""
    approve(asked(create()))
    made = create().json["id"]
    hare = create(prompt="a hare")
    assert (hare.status, hare.json["error"]["code"]) == (409, "idempotency_key_reused")
    drive(asking, payload(asking, made, "key:local", 1))
    assert send("DELETE", f"/videos/{made}", client=Durable()).status == 200
    (row,) = asking.account.tables.get_table_client("approvals").list_entities()
    asking.account.tables.get_table_client("approvals").delete_entity(row)
    again = create()
    assert (again.status, again.json["error"]["code"]) == (409, "video_deleted")
    assert list(asking.account.tables.get_table_client("approvals").list_entities()) == []


def test_an_approval_is_used_though_the_process_died_before_that_was_noted(
    asking: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = asked(create())
    approve(approval)

    def dies(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as dying:
        dying.setattr(approvals, "used", dies)
        assert create().status == 500
    shown = send("GET", f"/approvals/{approval['id']}", key=BOSS_KEY).json
    assert (shown["status"], shown["prompt"]) == ("approved", FOX["prompt"])
    made = create().json["id"]
    shown = send("GET", f"/approvals/{approval['id']}", key=BOSS_KEY).json
    assert (shown["status"], shown["video_id"], shown["prompt"]) == ("used", made, None)


def test_below_it_and_for_others_nobody_is_asked(asking: Services) -> None:
    assert create(model="sora", size="480x480", seconds="5").status == 200
    assert create(caller=OTHER_KEY).status == 200


def test_only_an_approver_approves(asking: Services) -> None:
    approval = asked(create())
    own = approve(approval, API_KEY)
    assert (own.status, own.json["error"]["code"]) == (403, "not_allowed")
    for key, status in ((OTHER_KEY, 404), ("wrong", 401)):
        assert approve(approval, key).status == status
        shown = send("GET", f"/approvals/{approval['id']}", key=key)
        assert shown.status == status
        assert FOX["prompt"] not in shown.body.decode()
    # an approval that never was looks the same to somebody else
    nowhere = {**approval, "id": "approval_" + "0" * 40}
    for each in (approve(nowhere, OTHER_KEY), approve({**approval, "id": "x' or 1 eq 1"})):
        assert (
            each.json["error"]["message"] == approve(approval, OTHER_KEY).json["error"]["message"]
        )
    mine = send("GET", f"/approvals/{approval['id']}", key=API_KEY).json
    assert (mine["status"], mine["yours_to_approve"]) == ("pending", False)
    assert spent(asking) == []


def test_the_price_that_was_seen_is_approved_and_no_other(
    app: App, asking: Services, upstreams: Callable[..., str]
) -> None:
    approval = asked(create())
    stale = approve(approval, estimated="0.39")
    assert (stale.status, stale.json["error"]["code"]) == (409, "price_changed")
    approve(approval)

    def priced(rate: float) -> None:
        price = {"version": f"v{rate}", "usd_per_second": rate}
        app(CALLERS=callers(approval_above_usd=0.3), UPSTREAMS=upstreams(prices=price))

    priced(0.2)
    dearer = asked(create())
    assert (dearer["id"], dearer["estimated"]) == (approval["id"], "0.80")
    assert approve(approval).json["error"]["code"] == "price_changed"
    priced(0.09)  # cheaper than was approved: but the price that rose took the approval back
    assert asked(create())["estimated"] == "0.36"
    priced(0.2)
    approve(asked(create()))
    priced(0.09)
    assert create().json["cost"]["estimated"] == "0.36"


def test_approving_twice_changes_nothing(asking: Services) -> None:
    approval = asked(create())
    first = approve(approval).json
    assert approve(approval).json == first
    create()
    assert approve(approval).json["status"] == "used"
    assert len(list(asking.account.tables.get_table_client("videos").list_entities())) == 2


def test_two_approvers_at_once_are_one_approval(app: App) -> None:
    entries = json.loads(callers(approval_above_usd=0))
    entries["other"]["approves"] = ["local"]
    app(CALLERS=json.dumps(entries))
    approval = asked(create())
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda key: approve(approval, key), (BOSS_KEY, OTHER_KEY)))
    assert sorted(each.status for each in both) == [200, 409]


def beaten(monkeypatch: pytest.MonkeyPatch, services: Services, *writes: str) -> None:
    """The first of these writes is beaten by the same write of somebody else."""
    for name in writes:
        really = getattr(services.approvals, name)
        lost = RowExists if name == "insert" else RowChanged

        def first(
            *sent: Any, really: Any = really, lost: type[Exception] = lost, name: str = name
        ) -> Any:
            really(*sent)
            monkeypatch.setattr(services.approvals, name, really)
            raise lost(name)

        monkeypatch.setattr(services.approvals, name, first)


def test_one_approver_twice_at_once_is_one_approval(
    asking: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that repeats the request, for one."""
    approval = asked(create())
    beaten(monkeypatch, asking, "replace")
    given = approve(approval)
    assert (given.status, given.json["status"]) == (200, "approved")


def test_whoever_asks_at_the_same_moment_gets_the_same_link(
    app: App,
    asking: Services,
    upstreams: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For the first time, and when the price has changed."""
    beaten(monkeypatch, asking, "insert")
    approval = asked(create())
    assert asked(create()) == approval
    price = {"version": "v2", "usd_per_second": 0.2}
    moved = app(CALLERS=callers(approval_above_usd=0.3), UPSTREAMS=upstreams(prices=price))
    beaten(monkeypatch, moved, "replace")
    dearer = asked(create())
    assert (dearer["id"], dearer["estimated"]) == (approval["id"], "0.80")


def test_a_person_sees_who_would_render_it_and_what(
    app: App, upstreams: Callable[..., str]
) -> None:
    """Also where the successor takes over after it was asked for, and costs as much."""
    maps = {"sizes": {"1280x720": "480x480"}, "seconds": {"8": 5}}
    ups = heirs.upstreams(upstreams(), maps, price="0.16")
    services = app(CALLERS=callers(approval_above_usd=0.2), UPSTREAMS=ups)
    wanted: dict[str, Any] = {"size": "1280x720", "seconds": 8, "allow_successor": True}

    def shown() -> tuple[str, ...]:
        approval = asked(create(**wanted))
        seen = send("GET", f"/approvals/{approval['id']}", key=BOSS_KEY).json
        named = ("model", "rendered_by", "size", "seconds", "estimated")
        return tuple(seen[name] for name in named)

    assert shown() == ("sora-2", "sora-2", "1280x720", "8", "0.80")
    heirs.retire(services)
    assert shown() == ("sora-2", heirs.HEIR, "480x480", "5", "0.80")


def test_an_approval_has_its_time(asking: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    approval = asked(create())
    now = asking.clock()
    later = [now + asking.settings.durations.of(APPROVALS_KEPT) + 1]
    moved = replace(asking, clock=lambda: later[0])
    monkeypatch.setattr("triggers.approvals.services", lambda: moved)
    monkeypatch.setattr("triggers.videos.services", lambda: moved)
    assert approve(approval).status == 404
    again = asked(create())
    assert (again["id"], approve(again).status) == (approval["id"], 200)
    later[0] += asking.settings.durations.of(APPROVALS_KEPT) + 1
    assert asked(create())["id"] == approval["id"]
    later[0] += asking.settings.durations.of(APPROVALS_KEPT) + 1
    assert approvals.forget_expired(moved) == 1
    assert list(asking.account.tables.get_table_client("approvals").list_entities()) == []


def test_who_may_not_approve_any_more_has_not_approved(app: App, asking: Services) -> None:
    approval = asked(create())
    approve(approval)
    entries = json.loads(callers(approval_above_usd=0.3))
    entries["boss"]["approves"] = []
    app(CALLERS=json.dumps(entries))
    assert asked(create())["id"] == approval["id"]
    assert approve(approval).status == 404
    app(CALLERS=callers())  # and where nobody has to be asked any more, nobody is
    assert create().status == 200


def test_one_entry_with_two_credentials_is_one_caller(app: App) -> None:
    """Whoever holds the key of an agent may also hold an Entra account of the same entry."""
    entries = json.loads(callers(approval_above_usd=0))
    entries["local"]["entra"] = ["11111111-2222-4333-8444-555555555555"]
    services = app(CALLERS=json.dumps(entries))
    person = "entra:11111111-2222-4333-8444-555555555555"
    assert not services.settings.may_approve(person, "key:local")
    assert services.settings.may_approve("key:boss", person)


def test_without_a_key_of_its_own_a_request_cannot_ask(asking: Services) -> None:
    refused = create(None).json["error"]
    assert (refused["code"], refused["retryable"]) == ("approval_required", False)
    assert "approval" not in refused
    assert "Idempotency-Key" in refused["message"]
    assert list(asking.account.tables.get_table_client("approvals").list_entities()) == []


def test_nobody_fills_the_table_with_requests(asking: Services) -> None:
    """And a person's day: one that was asked for may be repeated as often as anybody likes."""
    slow = replace(asking, quotes=Pace(2, 3600.0, asking.clock))

    def ask(key: str) -> str:
        with pytest.raises(Problem) as refused:
            admit(slow, "key:local", parse(FOX).request, Repeatable(key=key))
        return refused.value.code

    assert [ask(key) for key in ("1", "2", "3", "1")] == [
        "approval_required",
        "approval_required",
        "rate_limit_exceeded",
        "approval_required",
    ]


def test_what_would_be_refused_anyway_is_not_put_to_a_person(app: App) -> None:
    app(CALLERS=callers(approval_above_usd=0.3, budget_usd_per_month=0.3))
    assert create().json["error"]["code"] == "insufficient_quota"


def test_a_quote_says_it(asking: Services) -> None:
    quote = send("POST", "/quotes", body=FOX).json
    assert quote["admitted"] is False
    assert (quote["refusal"]["code"], quote["refusal"]["type"]) == (
        "approval_required",
        "permission_error",
    )
    assert send("POST", "/quotes", body=FOX, key=OTHER_KEY).json["admitted"] is True


def test_no_way_in_goes_around_it(asking: Services) -> None:
    """A line of a batch, and a request that arrives as an event, have keys that are not the
    caller's own to repeat: they are refused for good, and ask nobody."""
    request = parse(FOX).request
    for repeatable, line in (
        (Repeatable("events", "e", kept=60.0), None),
        (Repeatable("batches/b", "1", kept=float("inf")), BatchLine("b", 10**9)),
        (Repeatable(repeated=True), None),
    ):
        with pytest.raises(ApprovalRequired) as refused:
            admit(asking, "key:local", request, repeatable, line=line)
        assert (refused.value.retryable, refused.value.approval) == (False, None)
    assert spent(asking) == []


def test_a_remix_asks_too(app: App, asking: Services) -> None:
    approve(asked(create()))
    made = create().json["id"]
    drive(asking, payload(asking, made, "key:local", 1))

    def remix() -> Answer:
        return send(
            "POST",
            f"/videos/{made}/remix",
            body={"prompt": "at night"},
            headers={"idempotency-key": "fox"},
            client=Durable(),
        )

    approval = asked(remix())
    shown = approve(approval).json
    assert (shown["remixed_from_video_id"], shown["prompt"]) == (made, "at night")
    assert remix().status == 200


def test_an_agent_asks_and_goes_on(asking: Services) -> None:
    paid: dict[str, Any] = {**FOX, "request_id": "fox", "max_usd": 1}
    told = call("create_video", **paid)
    assert told.failed
    assert told.answer["error"]["code"] == "approval_required"
    assert "request_id" in told.answer["error"]["message"]
    assert told.answer["approval"]["estimated"] == "0.40"
    # an agent's own ceiling comes first, and asks nobody
    below = call("create_video", **{**paid, "max_usd": 0.1, "request_id": "2"})
    assert below.answer["error"]["code"] == "above_max_usd"
    approve(told.answer["approval"])
    assert call("create_video", **paid).answer["status"] == "queued"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"boss": {"approves": ["boss"]}}, "boss may not approve its own requests"),
        ({"boss": {"approves": ["nobody"]}}, "boss approves 'nobody', which is not a caller"),
        (
            {"boss": {"approves": ["local"], "key_sha256": [digest("own"), digest("local")]}},
            "boss approves local, and both have the same key or object id",
        ),
        (
            {"boss": {"approves": ["local"], "entra": ["AB"]}, "local": {"entra": ["c", "ab"]}},
            "boss approves local, and both have the same key or object id",
        ),
        ({"local": {"approval_above_usd": 0.0000001}}, "finer than a millionth"),
        ({"local": {"approval_above_usd": float("inf")}}, "not an amount"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    make_settings: Callable[..., Any], change: dict[str, Any], said: str
) -> None:
    entries: dict[str, dict[str, Any]] = {
        name: {"key_sha256": [digest(name)]} for name in ("local", "boss")
    }
    for name, more in change.items():
        entries[name] |= more
    with pytest.raises(Exception, match=said):
        make_settings(CALLERS=json.dumps(entries))


# --- the page


def test_the_page_says_nothing_about_the_request_and_is_the_same_for_all(asking: Services) -> None:
    approval = asked(create())
    for key in (None, BOSS_KEY, "wrong"):
        page = send("GET", f"/approvals/{approval['id']}", base="", key=key)
        nowhere = send("GET", "/approvals/nothing", base="", key=key)
        assert (page.status, page.headers["content-type"]) == (200, "text/html")
        assert page.body == nowhere.body
        assert FOX["prompt"] not in page.body.decode()


def test_the_page_runs_nothing_but_its_own_file() -> None:
    page = send("GET", "/approvals/x", base="", key=None)
    policy = dict(
        each.split(" ", 1) for each in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["referrer-policy"] == "no-referrer"
    html = page.body.decode()
    assert re.findall(r"<script([^>]*)>(.*?)</script>", html, flags=re.DOTALL) == [
        (' src="files/page.js" defer', "")
    ]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
        file = send("GET", f"/approvals/files/{name}", base="", key=None)
        assert (file.status, file.headers["content-type"]) == (200, kind)
        assert file.headers["x-content-type-options"] == "nosniff"
    for name in ("page.html", "..%2Fdocs.html", "authenticate.py"):
        assert send("GET", f"/approvals/files/{name}", base="", key=None).status == 404


def test_the_script_writes_text_and_keeps_no_key() -> None:
    script = (ROOT / "triggers" / "web" / "approvals" / "page.js").read_text()
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "localStorage",
        "sessionStorage",
        "document.cookie",
        "console.",
    ):
        assert forbidden not in script
