"""The tables of a task hub."""

VERSION = 2
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
    parent_sequence INTEGER,
    generation INTEGER
) WITHOUT ROWID;
CREATE TABLE history (
    instance_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (instance_id, position)
) WITHOUT ROWID;
-- Three queues. A host takes what is visible, and hides it until it is done, renewing visible_at
-- meanwhile. What a host had taken when it ended comes back at that time.
-- Messages to instances. An execution_id fences: it names the only generation that may read it.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT,
    event TEXT NOT NULL,
    visible_at TEXT NOT NULL,
    taken INTEGER NOT NULL
);
CREATE INDEX inbox_by_instance ON inbox (instance_id, id);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    visible_at TEXT NOT NULL,
    taken INTEGER NOT NULL
);
CREATE TABLE timers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    fire_at TEXT NOT NULL
);
CREATE INDEX timers_by_instance ON timers (instance_id);
-- Operations on entities. An entity itself is an instance, its state the instance's input.
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entity_id TEXT NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    request_id TEXT NOT NULL,
    caller_id TEXT,
    caller_execution_id TEXT,
    visible_at TEXT NOT NULL,
    taken INTEGER NOT NULL
);
CREATE INDEX operations_by_entity ON operations (entity_id, id);
"""
