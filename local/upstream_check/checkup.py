"""One server, looked at in the order in which one thing needs another."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from local.upstream_check import entry as entries
from local.upstream_check import free
from local.upstream_check.auth import check_auth
from local.upstream_check.clip import Clip
from local.upstream_check.entry import NO_MODEL, Takes, Target
from local.upstream_check.findings import Finding, Verdict, is_usable, ok, wire_of, wrong
from local.upstream_check.gateways import behind
from local.upstream_check.guess import guess
from local.upstream_check.models import find_model
from local.upstream_check.render import render
from local.upstream_check.routes import has_videos, unknown_id
from local.upstream_check.server import NotReached, Server
from shared.domain.profiles import PROFILES, ProfileName
from shared.domain.request import VideoRequest
from shared.settings.upstreams import Upstream
from shared.upstream.protocol import Dialect
from shared.upstream.registry import Upstreams


class Checkup:
    """What is known of a server so far. Close it."""

    def __init__(self, where: Target, key: str, key_setting: str | None) -> None:
        self.findings: list[Finding] = []
        self.profile: ProfileName = "openai"
        self._where, self._key_setting = where, key_setting
        self._server = Server(where.endpoint, key)
        self._clients: list[Upstreams] = []
        self._model, self._takes = "", Takes()

    def close(self) -> None:
        self._server.close()
        for clients in self._clients:
            clients.close()

    def entry(self) -> dict[str, Any]:
        """The entry, as far as the findings go."""
        return entries.build(
            self._where,
            profile=self.profile,
            model=self._model or NO_MODEL,
            key_setting=self._key_setting,
            takes=self._takes,
            wire=wire_of(self.findings),
        )

    def run(
        self, profile: ProfileName | None, model: str, takes: Takes, patience: float | None
    ) -> Iterator[Finding]:
        """Each finding as soon as it is known. Renders a clip if there is a `patience` for it, in
        seconds, and nothing is wrong before."""
        steps = (
            self._reach(profile),
            self._enter(),
            self._look(model, takes),
            self._render(patience),
        )
        for step in steps:
            try:
                for finding in step:
                    self.findings.append(finding)
                    yield finding
            except NotReached as error:
                self.findings.append(wrong("reachable", str(error)))
                yield self.findings[-1]
            if not is_usable(self.findings):
                return

    @property
    def _prefix(self) -> str:
        prefix = self._where.prefix
        return PROFILES[self.profile].path_prefix if prefix is None else prefix

    @property
    def _upstream(self) -> Upstream:
        return entries.validated(self.entry())

    def _client(self) -> Dialect:
        self._clients.append(Upstreams())
        return self._clients[-1].client(self._upstream)

    def _reach(self, profile: ProfileName | None) -> Iterator[Finding]:
        program = self._server.get("/").headers.get("server")
        yield ok("reachable", f"answers HTTP{f' ({program})' if program else ''}")
        if profile is not None:
            self.profile = profile
            yield ok("profile", f"{profile}, as you say")
        else:
            guessed = guess(self._server, self._where)
            self.profile = guessed.profile
            self._where = replace(self._where, prefix=guessed.prefix)
            yield Finding("profile", Verdict.GUESS, f"{guessed.profile}: {guessed.because}")
        self._server.key_header = PROFILES[self.profile].auth_header

    def _enter(self) -> Iterator[Finding]:
        """Whether we may come in, and whether there are videos."""
        videos = f"{self._prefix}/videos"
        paths = [
            (f"{self._prefix}/models", {}),
            (videos, PROFILES[self.profile].list_query),
            (f"{videos}/{unknown_id(self.profile)}", {}),
        ]
        if self.profile in ("litellm", "bifrost") and self._server.get(paths[0][0]).status != 404:
            del paths[1:]  # what a provider says to a gateway's key is no matter of ours
        auth = check_auth(self._server, bool(self._key_setting), paths)
        yield from auth
        if not is_usable(auth):
            return
        nobodys = has_videos(self._server, self._prefix)
        if nobodys is None:
            yield wrong("videos", f"there is nothing at {videos}")
        elif nobodys.ok:
            yield wrong(
                "videos", f"HTTP {nobodys.status} for a video that nobody has: no video API"
            )

    def _look(self, model: str, takes: Takes) -> Iterator[Finding]:
        """All else that costs nothing."""
        found = find_model(self._server, self.profile, self._prefix, model)
        self._model = found.name
        self._takes = Takes(takes.sizes or found.takes.sizes, takes.seconds or found.takes.seconds)
        yield found.finding
        gateway = behind(self._server, self.profile, self._prefix, self._model)
        yield from gateway.findings
        client, speaks = self._client(), self._upstream.speaks
        nobody = unknown_id(self.profile, provider=gateway.provider, model=gateway.model)
        yield free.check_list(client, speaks)
        yield free.check_unknown_job(client, nobody)
        yield free.check_delete(client, nobody, speaks)
        yield free.check_method(self._server, f"{self._prefix}/videos")

    def _render(self, patience: float | None) -> Iterator[Finding]:
        if patience is None:
            return
        if not self._model:
            yield wrong("create", "name the model with --model")
            return
        upstream = self._upstream
        size = entries.smallest(upstream.can.sizes)
        width, _, height = size.partition("x")
        request = VideoRequest(
            model=upstream.model,
            # recognisable in the server's list
            prompt=f"A red ball rolls over grey sand, take {secrets.token_hex(4)}",
            width=int(width),
            height=int(height),
            seconds=min(upstream.can.seconds),
        )
        yield from render(Clip(self._client(), upstream, request, patience))
