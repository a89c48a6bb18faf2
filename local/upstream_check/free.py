"""What costs nothing to look at: the list, a video that nobody has, a wrong method."""

import time

from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.server import Server
from shared.domain.job import JobSummary
from shared.domain.profiles import Profile
from shared.upstream.protocol import (
    Dialect,
    JobGone,
    Listing,
    NoList,
    Refused,
    UpstreamError,
)

TRACE = "upstream-check"


def check_list(client: Dialect, speaks: Profile) -> Finding:
    """The list of jobs, with the query of its profile."""
    try:
        # since now: one page of a list that begins with the newest
        listing = client.find(time.time(), trace=TRACE)
    except NoList:
        return no_list()
    except UpstreamError as error:
        return lacking("list", f"cannot be read ({error}): a lost answer is not looked up")
    if not speaks.can_list:
        return lacking("list", "there is one, though this kind of server has none: not used")
    if not speaks.list_is_own:
        return lacking(
            "list",
            f"{shown(listing)}; it may be another server's, so no job is absent for certain",
        )
    return ok("list", shown(listing))


def no_list(check: str = "list") -> Finding:
    return lacking(check, "there is none: a lost answer cannot be looked up", can_list=False)


def shown(listing: Listing) -> str:
    """What of its jobs a list shows, and how wrong its server's clock is."""
    return _shown(listing) + _wrong_clock(listing.skew)


def _wrong_clock(skew: float) -> str:
    if not skew:
        return ""
    side = "ahead of" if skew > 0 else "behind"
    return f"; its clock is {abs(skew):.0f} s {side} ours: set it right, a lost answer needs it"


def _shown(listing: Listing) -> str:
    if not listing.jobs:
        return "empty; --render shows what is in it"
    facts = {
        "prompt": [job.prompt is not None for job in listing.jobs],
        "size": [bool(job.width and job.height) for job in listing.jobs],
        "seconds": [bool(job.seconds) for job in listing.jobs],
        "created_at": [job.created_at is not None for job in listing.jobs],
    }
    seen = [name for name, each in facts.items() if all(each)]
    not_seen = [name for name in facts if name not in seen]
    count = f"{len(listing.jobs)} job" + ("s" if len(listing.jobs) > 1 else "")
    return f"{count} with {', '.join(seen) or 'nothing but ids'}" + (
        f", without {', '.join(not_seen)}" if not_seen else ""
    )


def shows(job: JobSummary) -> str:
    """`shown` of one job."""
    return shown(Listing((job,)))


def check_unknown_job(client: Dialect, job_id: str) -> Finding:
    """A video that nobody has must read as gone: otherwise what a server forgets is polled to the
    deadline."""
    try:
        client.status(job_id, trace=TRACE)
    except JobGone as error:
        return ok("unknown job", f"{error}: a job that the server forgets ends as lost")
    except UpstreamError as error:
        return lacking(
            "unknown job", f"{error}: a job that the server forgets is polled to the deadline"
        )
    return wrong("unknown job", "a video that nobody has is answered as if it were there")


def check_delete(client: Dialect, job_id: str, speaks: Profile) -> Finding:
    """DELETE of a video that nobody has."""
    try:
        client.delete(job_id, trace=TRACE)
    except Refused as error:
        return lacking("delete", f"there is none ({error})", can_delete=False)
    except UpstreamError as error:
        return lacking("delete", f"not known ({error})")
    if not speaks.can_delete:
        return lacking("delete", "there is none")
    stops = "stops" if speaks.can_delete_running else "does not stop"
    return ok("delete", f"there is one; it {stops} a render")


def check_method(server: Server, path: str) -> Finding:
    """PUT where POST creates."""
    answer = server.put(path)
    if answer.ok:
        return wrong("wrong method", f"PUT is answered with HTTP {answer.status}: no video API")
    return ok("wrong method", f"PUT is answered with HTTP {answer.status}; nothing is created")
