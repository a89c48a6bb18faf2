"""What the API promises, in words and schemas: `/openapi.json` is made from this, and nothing else.

One module per resource, with its `OPERATIONS`; a new route is one `Operation` in one of them, and a
new module is one line in `document`. Answers are described by what they are built of
(`shared.answers`), bodies by what reads them (`triggers.web.bodies`).

Imported on the first request for the document, never with the app.
"""
