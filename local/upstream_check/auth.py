"""Whether the key is taken, and whether one is needed."""

from collections.abc import Mapping

from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.server import NO_KEY, WRONG_KEY, Server
from shared.upstream.error_bodies import error_body
from shared.upstream.protocol import DeploymentOut, UpstreamError
from shared.upstream.reading import Answer
from shared.upstream.status_codes import denies_access, raise_for_create

_Path = tuple[str, Mapping[str, str]]


def check_auth(server: Server, has_key: bool, paths: list[_Path]) -> list[Finding]:
    """Ask for each path and query with the key, without one, and with a wrong one. Raises
    NotReached."""
    taken = [server.get(path, query) for path, query in paths]
    if refused := next(filter(denies_access, taken), None):
        how = f"HTTP {refused.status} {error_body(refused).message}"
        if has_key:
            return [wrong("auth", f"the key is refused: {how}")]
        return [wrong("auth", f"it wants a key: name its variable with --key-setting ({how})")]
    if not has_key:
        return [ok("auth", "no key is needed: the network has to keep others out")]
    without = _refusal(server, paths, taken, NO_KEY)
    other = _refusal(server, paths, taken, WRONG_KEY)
    found = [ok("auth", "the key is taken")]
    if other is None:
        found.append(lacking("wrong key", "a wrong key is taken, too: it keeps nobody out"))
    elif without is None:
        found.append(lacking("no key", "nothing is asked of those who send no key"))
    answers = {"wrong key": other, "no key": without}
    return found + [
        _as_the_app_reads_it(name, it) for name, it in answers.items() if it is not None
    ]


def _refusal(server: Server, paths: list[_Path], taken: list[Answer], key: str) -> Answer | None:
    """The first answer with another key that is not the one for ours."""
    for (path, query), ours in zip(paths, taken, strict=True):
        answer = server.get(path, query, key=key)
        if answer.status >= 400 and (answer.status != ours.status or denies_access(answer)):
            return answer
    return None


def _as_the_app_reads_it(name: str, answer: Answer) -> Finding:
    """A key that was revoked has to pause the deployment, and not to fail each video."""
    try:
        raise_for_create(answer, prompt="", of_job=False)
    except DeploymentOut:
        return ok(name, f"answered with HTTP {answer.status}, which pauses the deployment")
    except UpstreamError as error:
        return lacking(
            name, f"answered with HTTP {answer.status}, which reads as {type(error).__name__}"
        )
