"""The input file of a batch that nobody uploaded: of a retry, or of a file in the inbox.

Its worker writes it, because that may take longer than an event or a request waits. It can be
repeated: the id of the file is the batch's (`results.file_of`).
"""

from collections.abc import Iterator

from shared.domain import spreadsheet
from shared.domain.batch import Batch
from shared.domain.errors import InvalidRequest
from shared.domain.files import Purpose
from shared.domain.text import NotText, decoded_pieces
from shared.lifecycle.batches import retry
from shared.lifecycle.requests import files
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped, Gone


def compose(services: Services, batch: Batch) -> None:
    """Write the input file of such a batch, if it is not there yet. Raises BlobGone where
    that of the earlier batch is gone, and InvalidRequest where the dropped file is, or cannot be
    read."""
    earlier = None if batch.retry_of is None else services.batches.get(batch.retry_of)
    if earlier is not None:
        _keep(services, batch, retry.lines_left(services, batch, earlier.batch))
    elif batch.source is not None:
        _keep(services, batch, _dropped(services, batch))


def lines(services: Services, file: Dropped) -> Iterator[bytes]:
    """The JSON lines of a dropped file, UTF-8, in pieces. Raises Gone, and InvalidRequest where it
    cannot be read: a spreadsheet without a prompt at the first piece."""
    pieces = services.inbox.pieces(file)
    if file.name.lower().endswith(spreadsheet.SUFFIX):
        yield from spreadsheet.requests(pieces, file.charset)
        return
    try:
        for text in decoded_pieces(pieces, file.charset):
            yield text.encode()
    except NotText as error:
        raise InvalidRequest(
            f"The file is not text: {error}. Save it as UTF-8, or name its charset in the content "
            "type.",
            code="invalid_json",
        ) from None


def _dropped(services: Services, batch: Batch) -> Iterator[bytes]:
    """Read when its first piece is asked for: not where the file is kept already."""
    assert batch.source is not None, "only a batch of a dropped file has one"
    try:
        file = services.inbox.find(batch.source)
        if file is None or file.etag != batch.source_etag:
            raise Gone(batch.source)
        yield from lines(services, file)
    except Gone:
        raise InvalidRequest(
            "The file in the inbox was replaced or deleted before it was read. Another version of "
            "it is a batch of its own.",
            code="dropped_file_gone",
        ) from None


def _keep(services: Services, batch: Batch, pieces: Iterator[bytes]) -> None:
    files.keep(
        services,
        batch.caller,
        batch.input_file_id,
        filename=f"{batch.id}_input.jsonl",
        purpose=Purpose.BATCH,
        pieces=pieces,
        content_type=files.JSONL,
    )
