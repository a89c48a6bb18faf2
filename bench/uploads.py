"""The memory that uploads take: `python -m bench.uploads [MIB]`, LARGEST_UPLOAD without a number.

The growth of the local host's process at its peak, while 1, 4 and 16 files of that size arrive at
once. That process is host and worker in one: on Azure the body crosses to the worker as one message
more, and the host's share lies in another process.
"""

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench.processes import memory
from local.stack import API_KEY, HOST, Ports, Stack
from shared.domain.limits import LARGEST_UPLOAD, MIB

AT_ONCE = (1, 4, 16)
_LINE = json.dumps({"custom_id": "fox", "body": {"prompt": "a fox in the snow"}}) + "\n"
_FORM = 1024
"""More than what a form adds to its file."""


def main() -> None:
    size = int(sys.argv[1]) * MIB if len(sys.argv) > 1 else LARGEST_UPLOAD
    data = (_LINE * (size // len(_LINE) + 1)).encode()[: size - _FORM]
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), Ports.any_free()) as stack:
        pid = stack.child(HOST).pid
        _upload(stack, _LINE.encode())  # imports and connections are not what is measured
        for number in AT_ONCE:
            before = memory(pid, "VmRSS")
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins here
            with ThreadPoolExecutor(number) as pool:
                list(pool.map(lambda _: _upload(stack, data), range(number)))
            grew, left = memory(pid, "VmHWM") - before, memory(pid, "VmRSS") - before
            times = grew / number / len(data)
            print(
                f"{number} at once: +{grew / MIB:.0f} MiB at the peak, {times:.1f} times the file; "
                f"{left / MIB:.0f} MiB stay"
            )


def _upload(stack: Stack, data: bytes) -> None:
    answer = httpx.post(
        f"{stack.api}/files",
        data={"purpose": "batch"},
        files={"file": ("requests.jsonl", data)},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=120,
        trust_env=False,
    )
    answer.raise_for_status()


if __name__ == "__main__":
    main()
