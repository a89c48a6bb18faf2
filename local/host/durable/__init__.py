"""Durable orchestrations on one machine: the engine, its store and the bridge to the SDK.

The face of it: ``engine`` (what the host may ask, and what an engine asks of the app), ``work``
(what passes between them), ``management`` and ``payloads`` (the HTTP API).

The engine: ``sqlite_engine`` (one thread) owns a ``task_hub`` (the rules), made of ``starting``,
``episodes``, ``decisions`` and ``delivery``, on a ``store`` (SQLite, tables in ``schema``), with
the time of a ``clock``.

The bridge: ``functions`` (the app's functions as the engine calls them), ``replay`` (one run of an
orchestrator), ``recording`` (the SDK's context, made to tell task numbers), ``awaiting`` (what the
real extension would still wait for), ``history`` (the SDK's events), ``http_activity``.
"""
