"""Requests that come as events: from a topic, or as files dropped into the inbox.

Event Grid delivers at least once and in any order, so everything here can be repeated. A request is
claimed under its event's id, or its file's name and version. One that can never work is put aside
once, with its reason; only what is worth a retry is raised. An unfinished upload is no error: it
waits for its content.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from shared.domain.announcement import EVENT_PREFIX
from shared.domain.errors import InvalidRequest, Problem
from shared.domain.limits import EVENTS_KEPT, INBOX_MINUTES, LARGEST_FILE
from shared.domain.text import parsed_json, plain
from shared.lifecycle.background import announce, dropped
from shared.lifecycle.background.dropped import BATCH, IMAGES, PROMPT, REQUEST, Ignored
from shared.lifecycle.requests import batches, fields
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.fields import NewVideo
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped, WaitingFile
from shared.storage.names import INBOX_CONTAINER, REJECTED_CONTAINER, rejected_blob
from shared.telemetry.events import Event, emit

VIDEO_REQUESTED = EVENT_PREFIX + "VideoRequested"
BLOB_CREATED = "Microsoft.Storage.BlobCreated"
BLOB_RENAMED = "Microsoft.Storage.BlobRenamed"

_FILE_KEPT = math.inf
"""A claim for a version of a file never expires: the file stays, so its event may come again."""
_MOST_AT_ONCE = 100
"""Waiting files of one kind that a sweep looks after."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An event, in either schema. Event Grid writes `topic`; a CloudEvent has only `source`, which
    its publisher writes."""

    id: str
    type: str
    topic: str | None
    source: str
    data: Any


@dataclass(frozen=True)
class Provenance:
    """Where a request came from: `key` identifies it, `facts` are for people."""

    key: str
    event_id: str
    caller: str | None
    facts: Mapping[str, str]
    kept: float = EVENTS_KEPT

    @property
    def rejection_id(self) -> str:
        return "rejected_" + hashlib.sha256(self.key.encode()).hexdigest()[:32]


Made = Admitted | Created
"""What is made of a request: a video, or a batch."""
M = TypeVar("M", bound=Made)


class _Rejected(Exception):
    """The request can never work."""

    def __init__(self, provenance: Provenance, problem: Problem) -> None:
        super().__init__(problem.message)
        self.provenance = provenance
        self.problem = problem


def receive(services: Services, event: Incoming) -> Made | None:
    """Take on the request of an event; None where it has none (any more).

    Raises Unavailable, RateLimited and the errors of storage: worth a retry.
    """
    return _answered(services, event.id, lambda: _asked(services, event))


def look_after_images(services: Services) -> list[Admitted]:
    """Reject images that waited too long for their prompt; the videos of those whose prompt came
    without its event."""
    before = services.clock() - services.settings.durations.inbox_patience
    admitted = []
    for lone in services.lone_images.seen_before(before, limit=_MOST_AT_ONCE):
        image = services.inbox.find(lone.name)
        if image is None or image.etag != lone.etag:
            services.lone_images.forget(lone.name, lone.etag)
            continue
        try:
            late = partial(_with_prompt, services, image, lone.event_id, patient=False)
            made = _answered(services, lone.event_id, late)
        except Problem:
            continue  # the next sweep tries again
        services.lone_images.forget(lone.name, lone.etag)
        if made is not None:
            admitted.append(made)
    return admitted


def look_after_files(services: Services) -> list[Made]:
    """What is made of files whose content came without an event: not every client closes its files.
    A file that stayed empty is ignored."""
    before = services.clock() - services.settings.durations.inbox_patience
    taken: list[Made] = []
    for waiting in services.unfinished_files.seen_before(before, limit=_MOST_AT_ONCE):
        file = services.inbox.find(waiting.name)
        if file is not None and (file.changed_at > before or not file.copied):
            continue  # still being written
        try:
            made = _answered(services, waiting.event_id, partial(_left, services, waiting))
        except Problem:
            continue  # the next sweep tries again
        services.unfinished_files.forget(waiting.name)
        if made is not None and not made.replayed:  # its event may have come after all
            taken.append(made)
    return taken


def _left(services: Services, waiting: WaitingFile) -> Made | None:
    file = services.inbox.find(waiting.name)
    if file is not None and not file.size:
        raise Ignored("its file stayed empty")
    return _named(services, waiting.name, waiting.event_id)


def _answered(services: Services, event_id: str, work: Callable[[], M | None]) -> M | None:
    try:
        return work()
    except Ignored as nothing:
        emit(Event.EVENT_IGNORED, event_id=event_id, reason=str(nothing))
    except _Rejected as rejected:
        _put_aside(services, rejected.provenance, rejected.problem)
    return None


def _asked(services: Services, event: Incoming) -> Made | None:
    try:
        if event.type == VIDEO_REQUESTED:
            return _requested(services, event)
        if event.type in (BLOB_CREATED, BLOB_RENAMED):
            return _dropped(services, event)
        if event.type.startswith(EVENT_PREFIX):
            raise Ignored("one of ours")
        raise InvalidRequest(
            f"Events of type {event.type[:100]!r} mean nothing here. Known: {VIDEO_REQUESTED}, "
            f"{BLOB_CREATED}, {BLOB_RENAMED}.",
            code="unknown_event_type",
        )
    except InvalidRequest as problem:
        raise _Rejected(_of_event(event), problem) from None


def _requested(services: Services, event: Incoming) -> Admitted | None:
    provenance = _of_event(event, _charged(services, event))
    return _video(services, provenance, lambda: fields.parse(_object(_decoded(event.data))))


def _charged(services: Services, event: Incoming) -> str:
    """The caller that pays for a topic's requests: from the settings, never from the publisher."""
    settings = services.settings
    name = _caller_of(settings.event_callers, event)
    if name not in settings.callers:
        raise InvalidRequest(
            f"EVENT_CALLERS names {name!r}, who is none of CALLERS.", code="unknown_caller"
        )
    return f"key:{name}"


def _caller_of(known: Mapping[str, str], event: Incoming) -> str:
    if event.topic:
        topic = event.topic.casefold()
        for name, caller in known.items():
            if name.casefold() in (topic, topic.rsplit("/", 1)[-1]):
                return caller
        raise InvalidRequest(
            f"EVENT_CALLERS has no caller for the topic {event.topic[:300]!r}.",
            code="unknown_topic",
        )
    # a CloudEvent does not name its topic
    callers = set(known.values())
    if len(callers) != 1:
        raise InvalidRequest(
            "A CloudEvent does not show its topic, so EVENT_CALLERS must name exactly one caller "
            f"for all topics; it names {len(callers)}. Subscribe with the Event Grid schema.",
            code="unknown_topic",
        )
    return callers.pop()


def _dropped(services: Services, event: Incoming) -> Made | None:
    data = event.data if isinstance(event.data, dict) else {}
    place = _place(services, _url(event))
    if place is None or place[0] not in (INBOX_CONTAINER, REJECTED_CONTAINER):
        raise InvalidRequest(
            f"The blob is not in this account's container {INBOX_CONTAINER!r}.",
            code="not_in_the_inbox",
        )
    container, name = place
    if container == REJECTED_CONTAINER:  # rejecting it would make another blob there
        raise Ignored("a rejection")
    if dropped.is_temporary(name):
        raise Ignored("an upload under a temporary name")
    caller, _, rest = name.partition("/")
    if not rest or caller not in services.settings.callers:
        if dropped.is_opening(data) or _is_empty(services, name):
            raise Ignored("an empty file of nobody's")
        raise InvalidRequest(
            f"The first folder in {INBOX_CONTAINER!r} names the caller; {caller[:100]!r} is "
            "none of CALLERS.",
            code="unknown_caller",
        )
    if event.type == BLOB_RENAMED and _was_request(services, data.get("sourceUrl")):
        raise Ignored("a request that was renamed")
    if dropped.is_opening(data):
        _wait_for_content(services, name, event.id)
    return _named(services, name, event.id)


def _url(event: Incoming) -> Any:
    """The URL of an event's blob."""
    key = "destinationUrl" if event.type == BLOB_RENAMED else "url"
    return event.data.get(key) if isinstance(event.data, dict) else None


def _place(services: Services, url: Any) -> tuple[str, str] | None:
    return services.inbox.position_of(url) if isinstance(url, str) else None


def _is_empty(services: Services, name: str) -> bool:
    file = services.inbox.find(name)
    return file is not None and not file.has_content


def _was_request(services: Services, url: Any) -> bool:
    """Whether a renamed file made a request under its old name already."""
    place = _place(services, url)
    if place is None or place[0] != INBOX_CONTAINER or dropped.is_temporary(place[1]):
        return False
    return dropped.is_request(place[1])


def _wait_for_content(services: Services, name: str, event_id: str) -> NoReturn:
    services.unfinished_files.note(WaitingFile(name, "", event_id), services.clock())
    raise Ignored("a file that waits for its content")


def _named(services: Services, name: str, event_id: str) -> Made | None:
    """What is made of a file in a caller's folder."""
    lower = name.lower()
    if lower.endswith(IMAGES):
        return _image(services, name, event_id)
    if lower.endswith(PROMPT) and lower.removesuffix(PROMPT).endswith(IMAGES):
        return _image(services, name[: -len(PROMPT)], event_id)
    return _file(services, name, event_id)


def _file(services: Services, name: str, event_id: str) -> Made | None:
    file = services.inbox.find(name)
    if file is None:
        raise Ignored("its file is gone")
    if not file.has_content:
        _wait_for_content(services, name, event_id)
    provenance = _of_file(file, event_id)

    def wanted() -> NewVideo:
        if name.lower().endswith(PROMPT):
            return fields.parse({"prompt": dropped.prompt(services, file)})
        return fields.parse(_object(dropped.fields(services, file)))

    def batch(caller: str, repeatable: Repeatable) -> Created:
        terms = dropped.batch(services, file)
        return batches.create_of_dropped(services, caller, terms, file, repeatable)

    if not name.lower().endswith((PROMPT, REQUEST, *BATCH)):
        raise _Rejected(
            provenance,
            InvalidRequest(
                "Drop .json (a request), .txt (a prompt), .jsonl or .csv (a batch), or .png, .jpg, "
                ".webp, .avif (an image whose prompt is its metadata 'prompt' or the file beside "
                "it with .txt after its whole name).",
                code="unknown_file_type",
            ),
        )
    made: Made | None
    if name.lower().endswith(BATCH):
        made = _take_on(services, provenance, batch)
    else:
        made = _video(services, provenance, wanted)
    services.unfinished_files.forget(name)
    return made


def _image(services: Services, name: str, event_id: str) -> Admitted | None:
    image = services.inbox.find(name)
    if image is None:
        raise Ignored("its image is not there")
    if not image.has_content:
        _wait_for_content(services, name, event_id)
    return _with_prompt(services, image, event_id, patient=True)


def _with_prompt(
    services: Services, image: Dropped, event_id: str, *, patient: bool
) -> Admitted | None:
    """The video of an image. Without a prompt it waits if `patient`, otherwise it is rejected.

    Each event looks up both the image and its prompt file, so the second one finds both; the claim
    names both versions, so they make one video.
    """
    given = image.metadata.get("prompt", "").strip()
    written = None if given else services.inbox.find(image.name + PROMPT)
    if written is not None and not written.has_content:
        written = None
    provenance = _of_file(image, event_id)
    if _rejected(services, provenance):  # the prompt came too late
        raise Ignored("rejected before")
    if not given and written is None:
        if not patient:
            raise _Rejected(provenance, _no_prompt(image))
        lone = WaitingFile(image.name, image.etag, event_id)
        services.lone_images.note(lone, services.clock())
        raise Ignored("an image that waits for its prompt")

    def wanted() -> NewVideo:
        prompt = given if written is None else dropped.prompt(services, written)
        new = fields.parse({"prompt": prompt})
        data = dropped.read(services, image, LARGEST_FILE)
        return replace(new, sources=(Source("image", data=data),))

    made = _video(services, _of_file(image, event_id, prompt=written), wanted)
    services.lone_images.forget(image.name, image.etag)
    services.unfinished_files.forget(image.name)
    services.unfinished_files.forget(image.name + PROMPT)
    return made


def _no_prompt(image: Dropped) -> InvalidRequest:
    return InvalidRequest(
        "The image has no prompt: neither its metadata 'prompt' nor the file "
        f"{image.name.rpartition('/')[2] + PROMPT!r} beside it came within {INBOX_MINUTES} "
        "minutes. Drop both again.",
        code="missing_prompt",
        param="prompt",
    )


def _video(
    services: Services, provenance: Provenance, wanted: Callable[[], NewVideo]
) -> Admitted | None:
    def admitted(caller: str, repeatable: Repeatable) -> Admitted:
        new = wanted()
        return admit(services, caller, new.request, repeatable, new.sources)

    return _take_on(services, provenance, admitted)


def _take_on(
    services: Services, provenance: Provenance, make: Callable[[str, Repeatable], M]
) -> M | None:
    """Make what a request asks for, for its caller and under its provenance's key, once."""
    assert provenance.caller is not None, "somebody pays"
    if _rejected(services, provenance):
        raise Ignored("rejected before")
    repeatable = Repeatable(route="events", key=provenance.key, kept=provenance.kept)
    try:
        return make(provenance.caller, repeatable)
    except Problem as problem:
        if problem.code == "video_deleted":
            raise Ignored("its video was deleted") from None
        if problem.retryable:
            raise
        raise _Rejected(provenance, problem) from None


def _put_aside(services: Services, provenance: Provenance, problem: Problem) -> None:
    """Put a request aside with its reason and announce that, once."""
    rejection_id = provenance.rejection_id
    error = {
        "code": problem.code,
        "message": plain(problem.message),
        "type": problem.type,
        "param": problem.param and plain(problem.param),
    }
    record = {
        "id": rejection_id,
        "object": "request.rejected",
        "caller": provenance.caller,
        "error": error,
        "source": dict(provenance.facts),
    }
    # Nothing in it depends on the attempt, so two at the same time write the same. A repeat looks
    # for the record, so it comes last.
    announce.rejected(services, rejection_id, record)
    services.rejections.put_json(rejected_blob(rejection_id), record)
    emit(
        Event.EVENT_REJECTED,
        event_id=provenance.event_id,
        rejection=rejection_id,
        caller=provenance.caller,
        code=problem.code,
        param=problem.param_to_log,
    )


def _rejected(services: Services, provenance: Provenance) -> bool:
    return services.rejections.find(rejected_blob(provenance.rejection_id)) is not None


def _of_event(event: Incoming, caller: str | None = None) -> Provenance:
    facts = {"event_id": event.id, "event_type": event.type[:200]}
    facts["topic" if event.topic else "source"] = (event.topic or event.source)[:300]
    url = _url(event)
    if event.type in (BLOB_CREATED, BLOB_RENAMED) and isinstance(url, str):
        facts["url"] = _without_secrets(url)
    return Provenance(f"event\n{event.topic or event.source}\n{event.id}", event.id, caller, facts)


def _of_file(file: Dropped, event_id: str, *, prompt: Dropped | None = None) -> Provenance:
    facts = {"event_id": event_id, "blob": f"{INBOX_CONTAINER}/{file.name}", "etag": file.etag}
    key = f"file\n{file.name}\n{file.etag}"
    if prompt is not None:
        key += f"\n{prompt.etag}"
    return Provenance(key, event_id, "key:" + file.name.partition("/")[0], facts, _FILE_KEPT)


def _without_secrets(url: str) -> str:
    """A URL without its query, which may hold a signature, and without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return plain(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:500])


def _decoded(data: Any) -> Any:
    """An event's data; many publishers' libraries send JSON as a text, or as bytes."""
    if isinstance(data, str):
        data = plain(data).encode()
    if not isinstance(data, bytes):
        return data
    try:
        return parsed_json(data)
    except ValueError as error:
        raise InvalidRequest(f"The data is not valid JSON: {error}.", code="invalid_json") from None


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise InvalidRequest("The data is not a JSON object.", code="invalid_json")
    return data
