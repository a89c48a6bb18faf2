"""A batch as the API and events show it."""

from shared.answers import batches as answers
from shared.domain import batch as rules
from shared.domain.batch import Batch, Status
from shared.domain.money import usd
from shared.storage.names import INBOX_CONTAINER


def shown(batch: Batch, now: float) -> answers.Batch:
    ended = {status: batch.ended_at if batch.status is status else None for status in Status}
    errors = [answers.LineError(**vars(each)) for each in batch.wrong]
    return answers.Batch(
        id=batch.id,
        object="batch",
        endpoint="/v1/videos",
        errors=answers.LineErrors(object="list", data=errors) if errors else None,
        input_file_id=batch.input_file_id,
        completion_window=batch.completion_window,
        status=batch.status,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        created_at=batch.created_at,
        in_progress_at=batch.in_progress_at,
        expires_at=int(batch.expires_at),
        finalizing_at=batch.finalizing_at,
        completed_at=ended[Status.COMPLETED],
        failed_at=ended[Status.FAILED],
        expired_at=ended[Status.EXPIRED],
        cancelling_at=batch.cancelling_at,
        cancelled_at=ended[Status.CANCELLED],
        request_counts=answers.RequestCounts(
            total=batch.total,
            completed=batch.completed,
            failed=batch.failed,
            running=batch.open,
            not_started=batch.not_started,
        ),
        metadata=dict(batch.metadata),
        cost=answers.BatchCost(
            currency="USD",
            budget=None if batch.budget is None else usd(batch.budget),
            estimated=usd(batch.estimated),
            committed=usd(batch.committed),
            reserved=usd(batch.reserved),
            settled=usd(batch.settled),
            unknown=usd(batch.unknown),
        ),
        stopped=batch.stop,
        paused=batch.paused,
        dry_run=batch.dry_run,
        max_running=batch.max_running,
        table_file_id=batch.table_file_id,
        retry_of=batch.retry_of,
        source=batch.source and f"{INBOX_CONTAINER}/{batch.source}",
        notice=batch.notice,
        estimated_completion_at=rules.estimated_end(batch, now),
    )
