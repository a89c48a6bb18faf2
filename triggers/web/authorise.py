"""Authorisation of every route with a video id."""

import azure.functions as func

from shared.domain.errors import NotFound
from shared.domain.video import Video
from shared.lifecycle.requests.views import find_video
from shared.lifecycle.services import services
from triggers.web.authenticate import Authenticated, authenticate, on_behalf_of


def own_video(req: func.HttpRequest, *, admins: bool = False) -> tuple[Authenticated, Video]:
    """The caller, and its video that the route names. With `admins`, an admin's `?caller=` counts.
    Raises NotAuthenticated, or NotFound, also for another caller's video."""
    authenticated = authenticate(req)
    caller = on_behalf_of(req, authenticated) if admins else authenticated.caller
    video_id = req.route_params.get("video_id", "")
    video = find_video(services(), caller, video_id)
    if video is None:
        raise NotFound(f"Video {video_id[:80]!r} was not found.", param="video_id")
    return authenticated, video
