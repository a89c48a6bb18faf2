"""Media files, made in a worker thread so that the wire never waits for a codec."""

import asyncio
import functools
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar, get_args

from local.simulator.jobs import File, Job, Output

T = TypeVar("T")

Kind = Literal["video", "video-low", "thumbnail", "spritesheet"]

_LOW_QUANTIZER = 40


class Renderer:
    """Owns the media folder. Equal seed, ordinal, variant and prompt give equal bytes.

    One thread makes one file at a time: a movie is so cheap that a second thread would only take a
    core from other work.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")

    async def file(self, job: Job, output: Output, kind: Kind) -> File:
        """The file of that kind, made now if necessary. The caller saves the job."""
        if kind not in output.files:
            made = await self._in_thread(self._make, job, output, kind)
            output.files.setdefault(kind, made)
        return output.files[kind]

    async def wrong_movie(self, job: Job, size: tuple[int, int], seconds: int) -> bytes:
        """A movie of a wrong size or length, for a fault."""
        return await self._in_thread(self._make_wrong, job, (*size, seconds))

    def path(self, file: File) -> Path:
        """Where the bytes are."""
        return self._folder / file.name

    def keep_reference(self, job_id: str, data: bytes) -> None:
        """Keep the caller's picture for the first frame."""
        self._reference(job_id).write_bytes(data)

    def remove(self, job: Job) -> None:
        """Delete all bytes of a job; its journal keeps their digests."""
        self._unlink(job)
        # once more, after what the thread is making now
        self._thread.submit(self._unlink, job)

    def close(self) -> None:
        """Start nothing more. A movie under way is finished, within a second."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, functools.partial(work, *args))

    def _make(self, job: Job, output: Output, kind: Kind) -> File:
        """Make a file, or reuse one from before a restart or from a concurrent request."""
        target = self._target(job, output, kind)
        if not target.exists():
            partial = target.with_name(f"partial-{target.name}")
            self._draw(partial, job, output, kind)
            partial.replace(target)
        data = target.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return File(name=target.name, sha256=digest, size_bytes=len(data))

    def _draw(self, target: Path, job: Job, output: Output, kind: Kind) -> None:
        from local.simulator.media import stills

        if kind == "thumbnail":
            stills.write_thumbnail(self.path(output.files["video"]), target)
        elif kind == "spritesheet":
            stills.write_spritesheet(self.path(output.files["video"]), target)
        else:
            shape = (job.spec.width, job.spec.height, job.spec.seconds)
            reference = self._reference(job.id) if job.spec.has_reference else None
            _movie(target, job, output, shape, reference, low=kind == "video-low")

    def _make_wrong(self, job: Job, shape: tuple[int, int, int]) -> bytes:
        target = self._folder / f"{job.id}-wrong.mp4"
        _movie(target, job, job.outputs[0], shape, None, low=False)
        data = target.read_bytes()
        target.unlink()
        return data

    def _unlink(self, job: Job) -> None:
        for output in job.outputs:
            for kind in get_args(Kind):
                self._target(job, output, kind).unlink(missing_ok=True)
        self._reference(job.id).unlink(missing_ok=True)

    def _target(self, job: Job, output: Output, kind: Kind) -> Path:
        still = "webp" if job.dialect == "sora-2" else "jpg"
        suffix = {"thumbnail": still, "spritesheet": "jpg"}.get(kind, "mp4")
        return self._folder / f"{output.id}-{kind}.{suffix}"

    def _reference(self, job_id: str) -> Path:
        return self._folder / f"{job_id}-reference"


def _movie(
    target: Path,
    job: Job,
    output: Output,
    shape: tuple[int, int, int],
    reference: Path | None,
    *,
    low: bool,
) -> None:
    # Codecs and numpy take a third of a second to load, so only the first render loads them.
    from local.simulator.media import movie, picture

    width, height, seconds = shape
    card = picture.title_card(
        width,
        height,
        job.spec.prompt,
        f"{job.deployment}  job {job.ordinal}  variant {output.index + 1}  {width}x{height}",
        f"{job.plan.seed}/{output.index}",
        reference,
    )
    quantizer = _LOW_QUANTIZER if low else 24
    audio = job.dialect == "sora-2"
    movie.write_movie(target, movie.Shape(width, height, seconds, audio, quantizer), card)
