"""What the API promises, in words and schemas: `/openapi.json` is made from this, and nothing else.

One module per resource, with the models of its answers and its `OPERATIONS`; a new route is one
`Operation` in one of them, and a new module is one line in `document`. Nothing here runs when a
video is made: the models describe the wire, and tests compare them with real answers.

Imported on the first request for the document, never with the app.
"""
