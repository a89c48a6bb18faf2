"""The fixed limits of what a caller or an operator may ask for, each once.

Code, error texts and the API's document read them here; a test compares docs/limits.md and
docs/events.md with them. Limits that an operator sets are in `shared.settings`, those of a model
in `models`.
"""

MIB = 1024**2

LARGEST_BODY = 25 * MIB
"""Of a request, as it came and decompressed; also a request file in the inbox."""
LARGEST_FILE = 20 * MIB
"""An image or a video of a request."""
LARGEST_PROMPT_FILE = 256 * 1024
"""A `.txt` in the inbox."""
LARGEST_PIXELS = 50_000_000
"""A JPEG of more pixels is refused from its header alone, another image of half as many."""
SMALLEST_SIDE = 16
"""Pixels of an image."""
MOST_INPAINT_ITEMS = 2
LONGEST_URL = 4096
"""Characters of an image's address."""
LONGEST_FETCH = 20.0
"""Seconds to fetch what is there."""
MOST_FORM_PARTS = 100

LONGEST_PROMPT = 32_000
"""Characters, where `capabilities` in UPSTREAMS says nothing else."""
MOST_METADATA = 16
LONGEST_METADATA_KEY = 64
LONGEST_METADATA_VALUE = 512
LONGEST_WEBHOOK_NAME = 63
LONGEST_KEY = 255

KEYS_KEPT = 24 * 3600.0
"""Seconds for which an `Idempotency-Key` is remembered."""
REPEATS_KNOWN = 10 * 60.0
"""Seconds for which a client's own repeat without a key is recognised by its content."""
EVENTS_KEPT = 30 * 24 * 3600.0
"""Seconds for which an event is known by its id: longer than anybody delivers it again."""

LINK_MINUTES = 15
"""Lifetime of a content link."""
LARGEST_STREAM = 256 * MIB
"""Content in one answer of the app. The worker hands an answer to the host in one piece, so a
larger one must be asked for in ranges (see docs/decisions/0003)."""
LARGEST_OUTPUT = 2 * 1024 * MIB
"""An MP4 as an upstream delivers it."""

LONGEST_PAGE = 100
DEFAULT_PAGE = 20
LONGEST_WAIT = 20
"""Seconds of `Prefer: wait=N`."""
MOST_WAITING = 8
"""Requests of a process that wait so at once."""
QUOTES_A_MINUTE = 60
"""Of one caller, on one instance of the app."""
LONGEST_USAGE = 366
"""Days of one answer of `/usage`."""
MOST_USAGE_ENTRIES = 100_000
"""Some ten seconds of reading at Table Storage's thousand rows a page."""

MOST_RUNNING = 150
"""Renders at a time of a deployment: at most what its row has room for."""
MOST_CREATES = 1000
"""Creates a minute, of a deployment or a caller."""
MOST_FORECAST = 8000
"""Videos in line with a position: a row takes 1 MiB, and each of them about 46 characters of two
bytes."""


def mib(size: int) -> str:
    """A number of bytes as error texts say it."""
    return f"{size // MIB} MiB"
