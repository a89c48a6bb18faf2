"""Lists of instances, and purges by filter."""

from ..prober import Prober, brief, told

_ONLY = "instanceIdPrefix=list-"
_EVER = "createdTimeFrom=2020-01-01T00:00:00Z"
_LATER = "createdTimeFrom=2999-01-01T00:00:00Z"


def lists(prober: Prober) -> None:
    ids = ("list-a", "list-b", "list-c")
    for instance_id in ids:
        prober.start(instance_id, {"kind": "echo", "id": instance_id})
    prober.running("list-w")
    for instance_id in ids:
        prober.ended(instance_id)
    for name, query in {
        "by prefix": "",
        "by prefix without input": "showInput=false",
        "by prefix and status": "runtimeStatus=Running",
    }.items():
        prober.record(f"list {name}", prober.hook("GET", "instances", f"{_ONLY}&{query}"))
    for name, query in {
        "by prefix and two statuses": "runtimeStatus=Running,Completed",
        "by prefix and status in lower case": "runtimeStatus=running",
        "nonsense status": "runtimeStatus=dancing",
        "nonsense time": "createdTimeFrom=yesterday",
        "from the future": _LATER,
        "until the past": "createdTimeTo=2000-01-01T00:00:00Z",
    }.items():
        answer = prober.hook("GET", "instances", f"{_ONLY}&{query}")
        prober.record(f"list {name}", brief(answer))
    unknown = prober.hook("GET", "instances", "instanceIdPrefix=zzz")
    prober.record("list unknown prefix", unknown)
    _pages(prober)
    prober.record("list by POST", prober.hook("POST", "instances", _ONLY))
    whole = prober.hook("GET", "instances", "showInput=false")
    seen = {
        "status": whole["status"],
        "instances": len(whole["body"]),
        "more": any(name == "x-ms-continuation-token" for name, _value in whole["headers"]),
    }
    prober.record("list all", seen)


def _pages(prober: Prober) -> None:
    url = f"{prober.root}/instances?{prober.query}&{_ONLY}&top=3"
    name = "x-ms-continuation-token"
    first = prober.http.get(url)
    token = first.headers.get(name, "")
    prober.record("list top 3", {**brief(told(first)), "token": bool(token)})
    second = prober.http.get(url, headers={name: token})
    seen = {**brief(told(second)), "token": second.headers.get(name)}
    prober.record("list top 3, next", seen)
    for top, what in {"0": "0", "x": "nonsense"}.items():
        answer = prober.hook("GET", "instances", f"{_ONLY}&top={top}")
        prober.record(f"list top {what}", brief(answer))
    bad = prober.hook("GET", "instances", _ONLY, headers={name: "nonsense"})
    prober.record("list bad token", brief(bad))


def purges(prober: Prober) -> None:
    """All over the hub, so they come last."""
    for name, query in {
        "without a filter": "",
        "with a status and no time": "runtimeStatus=Terminated",
        "from the future": f"{_LATER}&runtimeStatus=Completed",
        "nonsense time": "createdTimeFrom=yesterday&runtimeStatus=Completed",
        "Failed": f"{_EVER}&runtimeStatus=Failed",
        "Failed again": f"{_EVER}&runtimeStatus=Failed",
    }.items():
        prober.record(f"purge {name}", prober.hook("DELETE", "instances", query))
    query = f"runtimeStatus=Running&showInput=false&{_ONLY}"
    before = prober.hook("GET", "instances", query)
    prober.record("purge, before Running", brief(before))
    purged = prober.hook("DELETE", "instances", f"{_EVER}&runtimeStatus=Running")
    prober.record("purge Running", purged)
    prober.record("purge Running, the running one", prober.status("list-w"))
    prober.record("purge without a status", prober.hook("DELETE", "instances", _EVER))
    left = prober.until(
        lambda: prober.hook("GET", "instances", "showInput=false"),
        lambda answer: answer["body"] == [],
        seconds=3,
    )
    prober.record("purge, left", brief(left))
