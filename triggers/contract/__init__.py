"""The API's contract, the only source of `/openapi.json`; imported on the first request for it.

Each resource is a module with its `OPERATIONS`: a new route is one `Operation`, a new module one
line in `document`. The schemas are the models that build answers (`shared.answers`) and parse
bodies (`shared.lifecycle.requests.fields`).
"""
