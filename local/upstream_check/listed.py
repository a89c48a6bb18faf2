"""Whether the list shows the clip's job as the app would find it, had its answer been lost."""

import time
from collections.abc import Mapping
from dataclasses import replace

from local.upstream_check.clip import Clip
from local.upstream_check.findings import Finding, lacking, ok
from local.upstream_check.free import TRACE, no_list, shows
from shared.domain.candidates import Fit, fit
from shared.domain.job import JobSummary, identity
from shared.domain.profiles import Profile
from shared.upstream.protocol import NoList, UpstreamError

_CLOCKS = 60.0
"""Seconds by which the server's clock may be behind ours."""
_MAY_BE_OWN = "if one server renders all of this model, wire.list_is_own may be true"


def in_list(clip: Clip, job_id: str) -> Finding | None:
    """Whether the list shows the job as the app would find it; None if it does not show it."""
    try:
        listing = clip.client.find(time.time() - _CLOCKS, trace=TRACE)
    except NoList:
        return no_list("job in list")
    except UpstreamError as error:
        return lacking(
            "job in list", f"its list cannot be read, so is not used: {error}", can_list=False
        )
    ours = [one for one in listing.jobs if identity(one.job_id) == identity(job_id)]
    return _adopted(clip, ours[0]) if ours else None


_LOOSER: tuple[Mapping[str, bool], ...] = (
    {},
    {"lists_own_models": False},
    {"lists_as_asked": False},
    {"lists_own_models": False, "lists_as_asked": False},
)
"""What the profile may promise too much of, from nothing to all."""


def _adopted(clip: Clip, row: JobSummary) -> Finding:
    """Whether the app would adopt the job, had the answer to its create been lost."""
    facts = shows(row).partition(" job ")[2]
    for wire in _LOOSER:
        how = _fit(clip, row, wire)
        if how is not Fit.NO:
            break
    else:  # the app would take the job for another's, and create a second one
        return lacking(
            "job in list", f"it shows the job as another's ({facts}): not used", can_list=False
        )
    if how is Fit.MAYBE:
        return lacking(
            "job in list",
            f"it shows another size or length than was asked for ({facts}): the job is never "
            "adopted, and a lost answer ends as submit_unknown",
            **wire,
        )
    twins = "" if how is Fit.SURE else "; of two that look alike, none is adopted"
    own = "" if clip.upstream.speaks.list_is_own else f"; {_MAY_BE_OWN}"
    return ok("job in list", f"it shows the job, {facts}{twins}{own}", **wire)


def _fit(clip: Clip, row: JobSummary, wire: Mapping[str, bool]) -> Fit:
    names = (clip.upstream.deployment, clip.upstream.model)
    speaks: Profile = replace(clip.upstream.speaks, **wire)  # type: ignore[arg-type]  # flags only
    return fit(row, clip.request, names, speaks)
