"""Entity ids as the SDK writes them: ``@name@key``, the name in lower case."""


def join_entity_id(name: str, key: str) -> str:
    """SDK 1.7.0 ``EntityId.get_scheduler_id``."""
    return f"@{name.lower()}@{key}"


def split_entity_id(entity_id: str) -> tuple[str, str]:
    """(name, key). The key may hold further ``@``."""
    name, _at, key = entity_id.removeprefix("@").partition("@")
    return name, key
