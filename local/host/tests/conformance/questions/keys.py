"""Who is let in, and what the admin API answers. Only for a host that asks for keys."""

from typing import Any

from ..prober import Answer, Prober


def auth(prober: Prober) -> None:
    if prober.master_key is None:
        return
    root = prober.root
    calls: list[tuple[str, str, str, dict[str, Any]]] = [
        ("function", "GET", "/auth/function", {}),
        ("admin", "GET", "/auth/admin", {}),
        ("admin/host/status", "GET", "/admin/host/status", {}),
        ("admin/host/ping", "GET", "/admin/host/ping", {}),
        ("admin/functions", "GET", "/admin/functions", {}),
        ("admin/functions/methods_get", "GET", "/admin/functions/methods_get", {}),
        ("admin run timer", "POST", "/admin/functions/tick", {"json": {}}),
        ("admin run timer input", "POST", "/admin/functions/tick", {"json": {"input": "x"}}),
        ("admin run timer no body", "POST", "/admin/functions/tick", {}),
        ("admin run unknown", "POST", "/admin/functions/nobody", {"json": {}}),
        ("admin run http", "POST", "/admin/functions/methods_get", {"json": {"input": ""}}),
        ("admin run activity", "POST", "/admin/functions/echo", {"json": {"input": "1"}}),
        ("admin run orchestrator", "POST", "/admin/functions/probe", {"json": {"input": "1"}}),
        ("webhook status", "GET", f"{root}/instances/nobody", {}),
        ("webhook list", "GET", f"{root}/instances", {}),
    ]
    keys = {
        "no key": {},
        "wrong key": {"x-functions-key": "wrong"},
        "master key": {"x-functions-key": prober.master_key},
    }
    for name, method, path, request in calls:
        for which, headers in keys.items():
            answer = prober.ask(method, path, headers=headers, **request)
            if which == "master key":
                answer = _without_this_machine(name, answer)
            prober.record(f"auth {name}: {which}", answer)

    nobody = f"{root}/instances/nobody"
    queries = {
        "webhook status: master key as code": {"code": prober.master_key},
        "webhook status: wrong code": {"code": "wrong"},
        "webhook status: code alone": {"code": prober.key},
        "webhook status: another hub": {"code": prober.key, "taskHub": "otherhub"},
        "webhook status: another connection": {"code": prober.key, "connection": "Nowhere"},
    }
    by_query = prober.ask("GET", "/auth/function", params={"code": prober.master_key})
    prober.record("auth function: master key as code", by_query)
    for name, parameters in queries.items():
        prober.record(f"auth {name}", prober.ask("GET", nobody, params=parameters))


def _without_this_machine(name: str, answer: Answer) -> Answer:
    """Descriptions are long, and full of the machine that they come from."""
    body = answer["body"]
    if name == "admin/host/status" and isinstance(body, dict):
        kept = {"state", "version", "extensionBundle"} & set(body)
        body = {"fields": sorted(body), **{name: body[name] for name in kept}}
    elif name in ("admin/functions", "admin/functions/methods_get"):
        listed = body if isinstance(body, list) else [body]
        one: dict[str, Any] = next(
            (each for each in listed if isinstance(each, dict) and each["name"] == "methods_get"),
            {},
        )
        kept = {"name", "language", "config", "isDisabled", "isDirect", "isProxy"}
        told = {field: one[field] for field in (kept | {"invoke_url_template"}) & set(one)}
        for place in ("scriptFile", "functionDirectory"):
            (told.get("config") or {}).pop(place, None)
        body = {"count": len(listed), "fields": sorted(one), "one": told}
    return {**answer, "body": body}
