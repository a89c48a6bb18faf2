"""The fixed limits on what a caller or an operator may ask for.

Code, error texts and the OpenAPI document read them here; a test compares docs/limits.md and
docs/events.md with them. An operator's limits are in `shared.settings`, a model's in `models`.
"""

MIB = 1024**2

# a request and its files
LARGEST_BODY = 25 * MIB  # as received, and decompressed; also a request file in the inbox
LARGEST_UPLOAD = 32 * MIB  # the body of POST /files
LARGEST_DROPPED_BATCH = 200 * MIB  # a .jsonl or .csv in the inbox
LONGEST_FILENAME = 255
LARGEST_CALLBACK = 64 * 1024  # from an upstream, which sends less than 4 KiB
LARGEST_FILE = 20 * MIB  # an image or a video
LARGEST_PROMPT_FILE = 256 * 1024  # a .txt in the inbox
LARGEST_PIXELS = 50_000_000  # of a JPEG; any other image: half as many
SMALLEST_SIDE = 16  # pixels of an image
INBOX_MINUTES = 10  # how long an image waits for its prompt, or a file for its writer to finish
MOST_INPAINT_ITEMS = 2
LONGEST_URL = 4096  # characters of an image's address
LONGEST_FETCH = 20.0  # seconds to fetch it
MOST_FORM_PARTS = 100
LONGEST_PROMPT = 32_000  # characters, unless `capabilities` in UPSTREAMS says otherwise
MOST_METADATA = 16
LONGEST_METADATA_KEY = 64
LONGEST_METADATA_VALUE = 512
MOST_PARAMETERS = 64  # of a deployment
LONGEST_PARAMETER = 2000  # characters of a text, unless its `max_length` says otherwise
LONGEST_PARAMETERS = 32_000  # characters of all texts of a deployment: they are kept in a row
LARGEST_SIDE = 4096  # pixels, in a `size_rule`
LONGEST_RANGE = 300  # seconds, in a range of `seconds`
LONGEST_WEBHOOK_NAME = 63
LONGEST_KEY = 255  # an Idempotency-Key, or a request_id of MCP
MOST_MESSAGES = 20  # of one request to /mcp, in the one version of MCP that sends several

# how long a repeat is recognised, in seconds
KEYS_KEPT = 24 * 3600.0  # an Idempotency-Key
REPEATS_KNOWN = 10 * 60.0  # a client's own repeat without a key, by its content
APPROVALS_KEPT = 24 * 3600.0  # from the request, and again from the approval: never beyond a key
EVENTS_KEPT = 30 * 24 * 3600.0  # an event's id: longer than any sender repeats it

# answers
LINK_MINUTES = 15  # lifetime of a content link
LARGEST_STREAM = 256 * MIB  # the host takes an answer in one piece (docs/decisions/0003)
LARGEST_OUTPUT = 2 * 1024 * MIB  # an MP4 from an upstream
LONGEST_PAGE = 100
DEFAULT_PAGE = 20
LONGEST_WAIT = 20  # seconds of `Prefer: wait=N`
MOST_WAITING = 8  # such requests at once, in one process
QUOTES_A_MINUTE = 60  # of one caller, on one instance of the app
LONGEST_USAGE = 366  # days in one answer of /usage
MOST_USAGE_ENTRIES = 100_000  # some ten seconds of reading, at a thousand rows a page

# batches
MOST_LINES = 50_000  # of a batch, as OpenAI has it
LONGEST_CUSTOM_ID = 512  # characters
LONGEST_WINDOW = 30  # days of a completion_window
BATCHES_SHARE = 0.75  # of max_unfinished and creates_per_minute of a caller

# the line
MOST_RUNNING = 1000  # concurrent renders of a deployment
MOST_CREATES = 1000  # a minute, per deployment or caller
MOST_SUBMITS = 32  # creates in flight, per deployment: 1,000 a minute at two seconds each
SHORT_LINE = 1000  # up to so many in line, positions are written at every move


def mib(size: int) -> str:
    """A number of bytes in an error text."""
    return f"{size // MIB} MiB" if size >= MIB else f"{size // 1024} KiB"
