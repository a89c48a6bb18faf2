"""The composition root: one app, every blueprint, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from activities import (
    advance_batch,
    collect_output,
    finish_video,
    follow_job,
    submit_job,
    take_turn,
)
from orchestrators import generate_video, run_batch
from triggers import (
    approvals,
    batches,
    callbacks,
    deliveries,
    deployments,
    documents,
    events,
    fallback,
    files,
    health,
    models,
    quotes,
    studio,
    sweeps,
    usage,
    videos,
)
from triggers.mcp import endpoint as mcp

# AuthLevel.ANONYMOUS: the app authenticates its callers itself, see triggers.web.authenticate
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

for module in (
    videos,
    files,
    batches,
    deliveries,
    events,
    quotes,
    approvals,
    usage,
    models,
    mcp,
    deployments,
    callbacks,
    documents,
    studio,
    health,
    fallback,
    sweeps,
    generate_video,
    take_turn,
    submit_job,
    follow_job,
    collect_output,
    finish_video,
    run_batch,
    advance_batch,
):
    app.register_functions(module.bp)
