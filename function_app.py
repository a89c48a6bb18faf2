"""The composition root: one app, every blueprint, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from activities import collect_output, finish_video, follow_job, submit_job, take_turn
from orchestrators import generate_video
from triggers import (
    deliveries,
    documents,
    events,
    fallback,
    health,
    models,
    quotes,
    sweeps,
    usage,
    videos,
)

# AuthLevel.ANONYMOUS: the app authenticates its callers itself, see triggers.web.authenticate
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

for module in (
    videos,
    deliveries,
    events,
    quotes,
    usage,
    models,
    documents,
    health,
    fallback,
    sweeps,
    generate_video,
    take_turn,
    submit_job,
    follow_job,
    collect_output,
    finish_video,
):
    app.register_functions(module.bp)
