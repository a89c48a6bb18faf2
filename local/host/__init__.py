"""A local Azure Functions host: runs any Python v2 (Durable) Functions app folder, unmodified.

``python -m local.host --app DIR``. For development and tests on one machine; docs/local-host.md
says what it serves and what it does not model, docs/decisions/0002-local-host-engine.md why it is
built as it is.

Two halves that meet in ``server``:

* the *host*: HTTP, timer and Event Grid triggers, keys, the admin and management APIs;
* ``durable``: the engine behind orchestrations, activities and entities.
"""
