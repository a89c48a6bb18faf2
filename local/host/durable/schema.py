"""The tables of a task hub."""

VERSION = 1
"""Kept in ``PRAGMA user_version``; a store of another version is refused."""

TABLES = """
CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    input TEXT,
    output TEXT,
    custom_status TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    parent_instance_id TEXT,
    parent_execution_id TEXT,
    parent_sequence INTEGER
) WITHOUT ROWID;
CREATE TABLE history (
    instance_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (instance_id, position)
) WITHOUT ROWID;
-- Messages to instances. An execution_id fences: it names the only generation that may read it.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT,
    event TEXT NOT NULL
);
CREATE INDEX inbox_by_instance ON inbox (instance_id, id);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT
);
CREATE TABLE timers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    fire_at TEXT NOT NULL
);
CREATE INDEX timers_by_instance ON timers (instance_id);
CREATE TABLE entities (
    entity_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    last_operation_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entity_id TEXT NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    request_id TEXT NOT NULL,
    caller_id TEXT,
    caller_execution_id TEXT
);
CREATE INDEX operations_by_entity ON operations (entity_id, id);
"""
