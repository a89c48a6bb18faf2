"""A local Azure Functions host: runs any Python v2 (Durable) Functions app folder, unmodified.

``python -m PACKAGE --app DIR``: in its repository the package is ``local.host``, where installed
``local_functions_host``. For development and tests on one machine; its README says what it serves
and what it does not model, decision 0002 of the repository why it is built as it is.

Two halves that meet in ``server``:

* the *host*: HTTP, timer and Event Grid triggers, keys, the admin and management APIs;
* ``durable``: the engine behind orchestrations, activities and entities.
"""
