"""Files: upload, list, read, delete."""

from shared.answers.files import ID_PATTERN, DeletedFile, File, FileList
from shared.domain.files import Purpose
from shared.domain.limits import LARGEST_FILE, LARGEST_STREAM, LARGEST_UPLOAD, mib
from triggers.contract.common import (
    CONDITIONS,
    FILE,
    LIMIT,
    NOT_THAT,
    ORDER,
    RANGE,
    UNCHANGED,
    key,
)
from triggers.contract.operation import Answer, Body, Link, Operation, Parameter, Schema
from triggers.web.uploads import CreateFile

_ID: Schema = {"type": "string", "pattern": ID_PATTERN}

FILE_ID = Parameter(name="file_id", where="path", text="The file.", schema=_ID)

_FROM_BODY = {"file_id": "$response.body#/id"}

_LINKS = {
    "get": Link(operation="getFile", text="What is on record.", parameters=_FROM_BODY),
    "content": Link(operation="getFileContent", text="Its bytes.", parameters=_FROM_BODY),
    "delete": Link(operation="deleteFile", text="Be done with it.", parameters=_FROM_BODY),
}

_KINDS = dict.fromkeys(
    ("application/jsonl", "text/csv", "image/jpeg", "image/png", "image/webp", "image/avif"), FILE
)

_NONE = "You have no such file."

OPERATIONS = (
    Operation(
        method="post",
        path="/files",
        id="createFile",
        tag="Files",
        summary="Upload a file that other requests name by its id.",
        text="An image (`vision` or `user_data`: JPEG, PNG, WebP or AVIF, at most "
        f"{mib(LARGEST_FILE)}), which `input_reference` of a video names as its `file_id`; or the "
        "requests of a batch (`batch`: one JSON object a line; or a spreadsheet as `.csv`, whose "
        "columns are the fields of a create). Those are kept as JSON lines in UTF-8.",
        parameters=(key("file"),),
        body=Body(
            model=CreateFile,
            examples={
                "batch": {
                    "purpose": "batch",
                    "file": '{"custom_id": "fox-1", "method": "POST", "url": "/v1/videos", '
                    '"body": {"model": "sora-2", "prompt": "A red fox"}}',
                }
            },
            form={},
            as_json=False,
        ),
        answers={200: Answer(text="The file, on record.", model=File, links=_LINKS)},
        errors={
            400: "The file or a field is not taken; the message says what is.",
            409: "The Idempotency-Key was used for another file.",
            413: f"The body is larger than {mib(LARGEST_UPLOAD)}, as it came or decompressed.",
        },
    ),
    Operation(
        method="get",
        path="/files",
        id="listFiles",
        tag="Files",
        summary="Your files, newest first, page by page.",
        parameters=(
            LIMIT,
            Parameter(name="after", text="The last id of the page before.", schema=_ID),
            Parameter(
                name="purpose", text="Only these.", schema={"type": "string", "enum": [*Purpose]}
            ),
            ORDER,
        ),
        answers={200: Answer(text="A page.", model=FileList)},
        errors={400: "A parameter is invalid."},
    ),
    Operation(
        method="get",
        path="/files/{file_id}",
        id="getFile",
        tag="Files",
        summary="What is on record of a file.",
        parameters=(FILE_ID,),
        answers={200: Answer(text="The file.", model=File)},
        errors={404: _NONE},
    ),
    Operation(
        method="get",
        path="/files/{file_id}/content",
        id="getFileContent",
        tag="Files",
        summary="The bytes of a file.",
        text=f"Of more than {mib(LARGEST_STREAM)}, ask for a `Range`, or follow the redirect; a "
        "client that sends its key as `api-key` gets no redirect.",
        parameters=(FILE_ID, *RANGE, *CONDITIONS),
        answers={
            200: Answer(
                text="The file.",
                content=_KINDS,
                headers=("accept-ranges", "etag", "last-modified", "content-disposition"),
            ),
            206: Answer(
                text="The part that was asked for.",
                content=_KINDS,
                headers=("accept-ranges", "content-range", "etag", "last-modified"),
            ),
            302: Answer(
                text="Where the file is: one that is too large for one answer.",
                headers=("location",),
            ),
            304: UNCHANGED,
            416: Answer(
                text="The part lies outside of the file.",
                content=_KINDS,
                headers=("content-range",),
            ),
        },
        errors={404: _NONE, 412: NOT_THAT},
    ),
    Operation(
        method="delete",
        path="/files/{file_id}",
        id="deleteFile",
        tag="Files",
        summary="The file is gone, for everything that names it later.",
        text="Videos that were made with it keep what they need.",
        parameters=(FILE_ID,),
        answers={200: Answer(text="It is gone.", model=DeletedFile)},
        errors={404: _NONE},
    ),
)
