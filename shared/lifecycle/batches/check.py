"""Check all lines of a batch before anything is spent.

Everything that can be known beforehand is checked as for a single create: fields, models, sizes,
prices, files and the images in data URLs. Only an image behind an address is not fetched yet.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from shared.domain import batch as rules
from shared.domain.batch import Batch, Status, Wrong
from shared.domain.errors import ApprovalRequired, InvalidRequest, LimitReached
from shared.domain.limits import MOST_LINES
from shared.lifecycle import expect, succession
from shared.lifecycle.batches import source
from shared.lifecycle.batches.source import RequestOfLine
from shared.lifecycle.batches.spool import Spool
from shared.lifecycle.requests import approvals, ceilings
from shared.lifecycle.requests.prepare import Prepared, prepare
from shared.lifecycle.services import Services

_SIGN_OF_LIFE = 30.0
"""Seconds after which the sweep is told that its worker is alive."""
_SHOWN = 20
"""How many problems the batch object shows; its error file has all."""


@dataclass
class _Findings:
    total: int = 0
    estimated: int = 0
    render_seconds: float = 0.0
    models: frozenset[str] = frozenset()
    wrong: int = 0
    shown: tuple[Wrong, ...] = ()

    def note(self, problem: Wrong) -> Wrong:
        self.wrong += 1
        if len(self.shown) < _SHOWN:
            self.shown += (problem,)
        return problem


def checked(services: Services, batch: Batch, errors: Spool) -> Batch:
    """The batch after its validation: in progress, or failed with the problems of all lines in
    `errors`. A dry run is completed. Raises BlobGone."""
    findings = _Findings()
    for answer in _problems(services, batch, findings):
        errors.write(json.dumps(answer, ensure_ascii=False) + "\n")
    after = replace(
        batch,
        restarts=0,
        total=findings.total,
        estimated=findings.estimated,
        models=tuple(sorted(findings.models)),
        wrong=findings.shown,
        first_estimate=rules.first_estimate(
            findings.total,
            findings.render_seconds,
            deployments_of(services, findings.models),
            services.clock(),
            services.settings.durations.minute,
        ),
    )
    now = int(services.clock())
    if findings.wrong:
        return replace(after, status=Status.FAILED, ended_at=now)
    if batch.dry_run:
        return replace(after, status=Status.COMPLETED, ended_at=now)
    return replace(after, status=Status.IN_PROGRESS, in_progress_at=now)


def _problems(services: Services, batch: Batch, findings: _Findings) -> Iterator[dict[str, Any]]:
    """An answer for each line that is wrong, as OpenAI writes them."""
    seen: dict[str, int] = {}
    said = services.clock()
    for line in source.lines_of(services, batch, again=True):
        findings.total += 1
        if services.clock() > said + services.settings.durations.of(_SIGN_OF_LIFE):
            said = services.clock()
            services.batches.touch(batch.id, said)
        if findings.total > MOST_LINES:
            many = f"The file has more than {MOST_LINES:,} requests: split it."
            yield answer_of(batch, None, findings.note(Wrong("too_many_requests", many)))
            return
        custom_id = None
        try:
            asked = source.read(line)
            custom_id = asked.custom_id
            if custom_id in seen:
                raise InvalidRequest(
                    f"custom_id {custom_id[:80]!r} is that of line {seen[custom_id]} already.",
                    param="custom_id",
                    code="duplicate_custom_id",
                )
            seen[custom_id] = line.number
            prepared = prepared_of(services, batch, asked)
            findings.estimated += prepared.amount
            findings.models |= {prepared.request.renderer}
            findings.render_seconds += expect.at_admission(
                services, prepared.chosen[0].name, prepared.request
            )
        except InvalidRequest as error:
            yield answer_of(batch, custom_id, findings.note(source.wrong(error, line.number)))
    if not findings.total:
        empty = Wrong("empty_file", "The file has no requests: one JSON object a line.")
        yield answer_of(batch, None, findings.note(empty))


def deployments_of(services: Services, models: Collection[str]) -> list[tuple[int, int]]:
    """The limits of those that render these models, or their heirs: jobs at once, and creates a
    minute."""
    rendering = {succession.renderer(services, model) for model in models}
    return [
        (upstream.max_running, upstream.max_creates_per_minute)
        for upstream in services.settings.upstreams
        if upstream.model in rendering
    ]


def prepared_of(services: Services, batch: Batch, asked: RequestOfLine) -> Prepared:
    """A line with its price. Raises InvalidRequest where it can never work."""
    new = asked.new
    try:
        prepared = prepare(services, batch.caller, new.request, new.sources, offline=True)
        ceilings.check_job(services, prepared.amount)
        if (refused := approvals.refusal(services, batch.caller, prepared.amount)) is not None:
            raise refused
    except InvalidRequest as error:
        raise source.within_body(error) from None
    except (LimitReached, ApprovalRequired) as error:
        raise InvalidRequest(error.message, code=error.code, param="body") from None
    return prepared


def answer_id(batch: Batch, number: int) -> str:
    """The id of what a file says about a line."""
    return f"batch_req_{batch.id.removeprefix('batch_')}_{number}"


def answer_of(batch: Batch, custom_id: str | None, problem: Wrong) -> dict[str, Any]:
    """The line of an error file about a request that made no video."""
    return {
        "id": answer_id(batch, problem.line or 0),
        "custom_id": custom_id,
        "response": None,
        "error": {
            "code": problem.code,
            "message": problem.message,
            "param": problem.param,
            "line": problem.line,
        },
    }
