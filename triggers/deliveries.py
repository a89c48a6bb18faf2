"""`/openai/v1/videos/{id}/deliveries` and `/redeliver`: list a video's deliveries, repeat them."""

import azure.functions as func

from shared.durable.sdk import blueprint
from shared.lifecycle.requests.deliveries import list_deliveries as deliveries
from shared.lifecycle.requests.deliveries import send_again
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authorise import own_video
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/deliveries", ["GET"])
def list_deliveries(req: func.HttpRequest) -> Response:
    _, video = own_video(req)
    return json_answer(deliveries(services(), video.id))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/redeliver", ["POST"])
async def redeliver_video(req: func.HttpRequest) -> Response:
    def work() -> str:
        bodies.check_size(req)
        _, video = own_video(req)
        send_again(services(), video.id, bodies.redeliver(req).id)
        return video.id

    # the list gets a second hop, because the first one waits a moment for its deliveries
    video_id = await in_thread(work)
    return json_answer(await in_thread(lambda: deliveries(services(), video_id)))
