"""Every fault of an upstream at every operation that it can hit, in both dialects, and how it must
end. A row is transcribed from the design and the issue of each promise, not from what the app does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults.verdict import Allowed

BOTH = ("sora-2", "sora-1")
COMPLETED = ("completed", None)


@dataclass(frozen=True)
class Fault:
    """One row: the script, what the caller sees first, and how it ends for good.

    `ends` is (status, error code). Where `then` is given, the video first ends as `ends`; after
    that the fault is lifted, and it must end as `then`.
    """

    name: str
    script: tuple[dict[str, Any], ...]
    ends: tuple[str, str | None] = COMPLETED
    then: tuple[str, str | None] | None = None
    dialects: tuple[str, ...] = BOTH
    allowed: Allowed = field(default_factory=Allowed)
    foreign_vanish: bool = False
    image: bool = False
    """Whether the video begins with an image."""
    reason: str = ""
    """What the caller reads in the error's message."""
    cost: str | None = None
    """The state of the video's cost in the end."""


def rule(operation: str, type_: str, *, times: int | str = 1, **action: Any) -> dict[str, Any]:
    return {"operation": operation, "times": times, "action": {"type": type_, **action}}


LOST_ANSWER = rule("create", "drop", when="after")
EVER: Any = "unlimited"
RESCUED = COMPLETED
UNDETECTABLE = Allowed(altered_outputs=True)


def _transport(operation: str, *extra: dict[str, Any]) -> Iterator[Fault]:
    """What can happen to any request, once."""
    faults: list[tuple[str, dict[str, Any]]] = [
        ("500", rule(operation, "status", status=500)),
        ("503 twice", rule(operation, "status", times=2, status=503)),
        ("408", rule(operation, "status", status=408)),
        ("429", rule(operation, "status", status=429)),
        ("429 with Retry-After", rule(operation, "status", status=429, retry_after=30)),
        ("429 storm", rule(operation, "storm", seconds=60)),
        ("slow to take", rule(operation, "delay", seconds=40, when="before")),
        ("slow to answer", rule(operation, "delay", seconds=40, when="after")),
        ("dropped unprocessed", rule(operation, "drop", when="before")),
        ("dropped processed", rule(operation, "drop", when="after")),
        ("HTML 502", rule(operation, "html", status=502)),
        ("HTML 200", rule(operation, "html", status=200)),
        ("redirected", rule(operation, "redirect")),
        ("slow body", rule(operation, "slow_body", seconds=40)),
    ]
    for name, script in faults:
        # two lost answers in a row: a video is submitted twice at most
        twice = operation == "create" and name == "503 twice"
        ends = ("failed", "upstream_failed") if twice else COMPLETED
        yield Fault(f"{operation}: {name}", (*extra, script), ends)


def _create() -> Iterator[Fault]:
    yield from _transport("create")
    for status in (500, 504, 409):
        yield Fault(
            f"create: {status} although it was processed",
            (rule("create", "status", status=status, processed=True),),
        )
    yield Fault(
        "create: HTML 200 although it was processed",
        (rule("create", "html", status=200, processed=True),),
    )
    for status, code in (
        (400, "refused"),
        (422, "refused"),
        (410, "no_deployment"),
    ):
        yield Fault(
            f"create: {status}", (rule("create", "status", status=status),), ("failed", code)
        )
    for status in (401, 402, 403, 404):  # these pass: nothing was created, and it is tried again
        for times in (1, 4):
            script = rule("create", "status", times=times, status=status)
            yield Fault(f"create: {status}, {times} times", (script,))
    yield Fault("create: switched off", (rule("create", "switched_off"),))
    yield Fault(
        "create: never processed",
        (rule("create", "drop", times=EVER, when="before"),),
        ("failed", "upstream_failed"),
    )
    yield Fault("create: 429 four times", (rule("create", "status", times=4, status=429),))


def _lost_answers() -> Iterator[Fault]:
    """The answer to the create is lost, and the list that would tell is not at its best."""
    yield from _transport("list", LOST_ANSWER)
    yield Fault("list: without prompts", (LOST_ANSWER, rule("list", "prompt_null", times=EVER)))
    yield Fault(
        "list: the job appears late", (rule("create", "hide_from_list", seconds=100), LOST_ANSWER)
    )
    yield Fault(
        "list: the clock is behind",
        (rule("*", "clock_skew", times=EVER, seconds=-1), LOST_ANSWER),
    )
    yield Fault(
        "list: the clock is ahead", (rule("*", "clock_skew", times=EVER, seconds=1), LOST_ANSWER)
    )
    yield Fault(
        "list: switched off for long",
        (LOST_ANSWER, rule("list", "switched_off", times=EVER)),
        ("failed", "submit_unknown"),
        then=RESCUED,
    )
    yield Fault(
        "list: a stranger's job looks the same",
        (rule("create", "look_alike", count=1), LOST_ANSWER),
        ("failed", "submit_unknown"),
        then=RESCUED,
        allowed=Allowed(foreign_jobs=True),
        foreign_vanish=True,
    )


def _get() -> Iterator[Fault]:
    yield from _transport("get")
    for status in (400, 401, 403, 404, 410):
        yield Fault(f"get: {status} once", (rule("get", "status", status=status),))
    yield Fault("get: switched off once", (rule("get", "switched_off"),))
    yield Fault(
        "get: 404 just after create",
        (rule("get", "not_found_after_create", times=EVER, seconds=30),),
    )
    yield Fault("get: unknown status once", (rule("get", "unknown_status", word="archived"),))
    yield Fault("get: without prompt", (rule("get", "prompt_null", times=EVER),))
    for seconds in (-100, 100):
        yield Fault(
            f"get: clock off by {seconds} s",
            (rule("*", "clock_skew", times=EVER, seconds=seconds),),
        )
    for name, script in (
        ("unknown status for ever", rule("get", "unknown_status", times=EVER, word="archived")),
        ("410 for ever", rule("get", "status", times=EVER, status=410)),
        ("HTML for ever", rule("get", "html", times=EVER, status=200)),
        ("dropped for ever", rule("get", "drop", times=EVER, when="before")),
    ):
        yield Fault(f"get: {name}", (script,), ("failed", "timed_out"), then=RESCUED)


def _fates() -> Iterator[Fault]:
    """What becomes of the job itself."""
    yield Fault(
        "job: fails at 90 %",
        (rule("create", "fail", at=0.9, code="render_error"),),
        ("failed", "upstream_failed"),
    )
    yield Fault(
        "job: fails by the upstream's own fault, once",
        (rule("create", "fail", at=0.9, code="internal_error"),),
        allowed=Allowed(jobs_per_video=2),
    )
    yield Fault(
        "job: fails by the upstream's own fault, always",
        (rule("create", "fail", times=EVER, at=0.5, code="internal_error"),),
        ("failed", "upstream_failed"),
        allowed=Allowed(jobs_per_video=2),
    )
    for word, dialects in (
        ("moderation-blocked", ("sora-2",)),
        ("input-moderation", ("sora-1",)),
        ("output-moderation", BOTH),
        ("content-filter", BOTH),
    ):
        yield Fault(f"prompt: {word}", (), ("failed", "moderation_blocked"), dialects=dialects)
    yield Fault("job: vanishes", (rule("create", "vanish", at=0.5),), ("failed", "lost"))
    yield Fault(
        "job: stuck at 99 %",
        (rule("create", "stuck", progress=99),),
        ("failed", "timed_out"),
        then=RESCUED,
    )
    yield Fault(
        "job: takes longer than its deadline",
        (rule("create", "render_time", seconds=1500),),
        ("failed", "timed_out"),
        then=RESCUED,
    )
    yield Fault(
        "job: fewer outputs",
        (rule("create", "fewer_generations", count=1),),
        dialects=("sora-1",),
    )


def _content() -> Iterator[Fault]:
    yield from _transport("content")
    for status in (400, 401, 403, 404, 410):
        yield Fault(f"content: {status} once", (rule("content", "status", status=status),))
    yield Fault("content: switched off once", (rule("content", "switched_off"),))
    for name, script in (
        ("cut off", rule("content", "truncated", share=0.5, how="connection")),
        ("cut off with a matching length", rule("content", "truncated", share=0.5, how="length")),
        ("damaged index", rule("content", "corrupted", where="index")),
        ("oversized", rule("content", "oversized", extra_bytes=4096)),
        ("shorter than announced", rule("content", "wrong_length", difference=100)),
        ("longer than announced", rule("content", "wrong_length", difference=-100)),
    ):
        yield Fault(f"content: {name} once", (script,))
        if name in ("damaged index", "oversized", "cut off with a matching length"):
            yield Fault(
                f"content: {name} for ever",
                ({**script, "times": EVER},),
                ("failed", "bad_output"),
                allowed=Allowed(unreachable_outputs=True),
            )
    # Nothing that an upstream sends would tell these from what was asked for.
    yield Fault(
        "content: damaged pictures",
        (rule("content", "corrupted", times=EVER, where="media"),),
        allowed=UNDETECTABLE,
    )
    yield Fault(
        "content: another movie",
        (rule("content", "wrong_movie", times=EVER, seconds=1),),
        allowed=UNDETECTABLE,
    )
    yield Fault(
        "content: expires during the copy",
        (rule("content", "expire_during_copy", times=EVER, share=0.5),),
        ("failed", "lost"),
        allowed=Allowed(unreachable_outputs=True),
    )
    yield Fault(
        "content: unreachable until the deadline",
        (rule("content", "status", times=EVER, status=503),),
        ("failed", "timed_out"),
        then=RESCUED,
    )


def rows() -> list[Fault]:
    """The matrix."""
    return [*_create(), *_lost_answers(), *_get(), *_fates(), *_content()]


def scenarios() -> list[tuple[Fault, str]]:
    """Each row in each of its dialects."""
    return [(fault, dialect) for fault in rows() for dialect in fault.dialects]
