"""Authorisation: of every route with the id of something that a caller owns, and of operators."""

import azure.functions as func

from shared.domain.batch import Batch
from shared.domain.errors import NotAllowed, NotFound
from shared.domain.files import File
from shared.domain.video import Video
from shared.lifecycle.requests import batches, files
from shared.lifecycle.requests.views import find_video
from shared.lifecycle.services import services
from triggers.web.authenticate import Authenticated, authenticate, on_behalf_of


def operator(req: func.HttpRequest) -> Authenticated:
    """An admin, who may look at the deployments and pause them. Raises NotAuthenticated, or
    NotAllowed for any other caller."""
    authenticated = authenticate(req)
    if not authenticated.admin:
        raise NotAllowed('Deployments are for admins: callers with "admin": true in CALLERS.')
    return authenticated


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


def own_file(req: func.HttpRequest) -> tuple[Authenticated, File]:
    """The caller, and its file that the route names. Raises NotAuthenticated, or NotFound, also for
    another caller's file."""
    authenticated = authenticate(req)
    file_id = req.route_params.get("file_id", "")
    file = files.find(services(), authenticated.caller, file_id)
    if file is None:
        raise NotFound(f"File {file_id[:80]!r} was not found.", param="file_id")
    return authenticated, file


def own_batch(req: func.HttpRequest) -> Batch:
    """The caller's batch that the route names. Raises NotAuthenticated, or NotFound, also for
    another caller's batch."""
    authenticated = authenticate(req)
    batch_id = req.route_params.get("batch_id", "")
    batch = batches.find(services(), authenticated.caller, batch_id)
    if batch is None:
        raise NotFound(f"Batch {batch_id[:80]!r} was not found.", param="batch_id")
    return batch
