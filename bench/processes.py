"""What Linux says of a process."""

from pathlib import Path


def memory(pid: int | str, name: str) -> int:
    """A figure of proc_pid_status(5), such as `VmRSS` or `VmHWM`, in bytes; `pid` may be `self`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(name)
