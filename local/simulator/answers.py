"""From a reply to its bytes on the wire: headers, JSON or HTML, files and their ranges."""

import json
from email.utils import formatdate

from starlette.responses import Response

from local.simulator import ids
from local.simulator.errors import generation_not_found
from local.simulator.faults.effects import Effects
from local.simulator.jobs import File, Job
from local.simulator.outgoing import Delivery, NoAnswer, Outgoing
from local.simulator.ranges import Unsatisfiable, parse_range
from local.simulator.tampering import tampered
from local.simulator.wire import Call, Reply
from local.simulator.world import World


async def answer(world: World, call: Call, reply: Reply, effects: Effects) -> Response:
    """The response for a reply, changed by the fired actions."""
    if reply.dropped:
        return NoAnswer()
    effects.tint(reply)
    if reply.file is not None and reply.job is not None:
        return await _file(world, call, reply, reply.job, reply.file, effects)
    return _text(world, reply, effects)


def _text(world: World, reply: Reply, effects: Effects) -> Response:
    content_type = "application/json"
    data = b"" if reply.json is None else json.dumps(reply.json).encode()
    if reply.text is not None:
        content_type, data = "text/html; charset=utf-8", reply.text.encode()
    headers = _headers(world, effects) | {"content-type": content_type} | reply.headers
    return Outgoing(reply.status, headers, Delivery(data, spread=effects.spread()))


async def _file(
    world: World, call: Call, reply: Reply, job: Job, file: File, effects: Effects
) -> Response:
    """A file, whole or in part; counts its downloads, except HEAD."""
    try:
        data = await effects.other_movie(job) or world.renderer.path(file).read_bytes()
    except FileNotFoundError:  # the job was deleted while the answer was delayed
        not_found = call.wire.not_found if job.dialect == "sora-2" else generation_not_found
        return _text(world, call.wire.refusal(not_found(call.path_id), None), effects)
    headers = _headers(world, effects) | {"content-type": reply.content_type}
    status, start, stop = 200, 0, len(data)
    if _honours_ranges(call):
        modified = formatdate(job.ended_at, usegmt=True)
        headers |= {"accept-ranges": "bytes", "last-modified": modified}
        try:
            wanted = parse_range(call.headers.get("range"), len(data))
        except Unsatisfiable:
            headers["content-range"] = f"bytes */{len(data)}"
            return Outgoing(416, headers, Delivery(b""))
        if wanted is not None:
            status, (start, stop) = 206, wanted
            headers["content-range"] = f"bytes {start}-{stop - 1}/{len(data)}"

    def expire() -> None:
        world.studio.remove(job, "expired")

    delivery = tampered(data[start:stop], effects.deciding, expire)
    delivery.spread = effects.spread()
    if call.method == "HEAD":
        return Outgoing(status, headers, delivery)
    reaches_end = stop == len(data)

    def on_sent(sent: int, whole: bool) -> None:
        file.downloads.bytes += sent
        file.downloads.completed += int(whole and reaches_end)
        world.studio.save(job)

    file.downloads.started += 1
    world.studio.save(job)
    return Outgoing(status, headers, delivery, on_sent)


def _honours_ranges(call: Call) -> bool:
    deployment = call.deployment
    if deployment is None:
        return True
    if deployment.ranges is None and call.wire.ranges is not None:
        return call.wire.ranges
    return deployment.honours_ranges


def _headers(world: World, effects: Effects) -> dict[str, str]:
    """[S] `apim-request-id` on Azure; [S: SDK] `x-request-id` is where clients look."""
    request_id = ids.request_id()
    return {
        "apim-request-id": request_id,
        "x-request-id": request_id,
        "date": formatdate(world.clock.now() + effects.skew(), usegmt=True),
    }
