"""`python -m local compare --models A,B PROMPTS`: the same prompts by two models, side by side.

To choose a successor before its day. The clips are the lines of one batch, so the budget holds, and
running it again comes back to the same clips.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from local import batch
from local.processes import StackError

if TYPE_CHECKING:
    from openai import OpenAI

console = Console(highlight=False, soft_wrap=True)

_PAGE = Path(__file__).with_name("compare.html")
_BETWEEN = " / "
"""In the ids of the lines: between the number of the prompt and the model."""


@dataclass(frozen=True)
class Clip:
    """What became of a prompt by a model."""

    prompt: int
    model: str
    video: Mapping[str, Any] | None
    """The video object; None where it was not begun."""
    problem: str = ""
    """Why there is no file."""

    @property
    def file(self) -> str:
        """Where it is beside the page."""
        safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in self.model)
        return f"clips/{self.prompt:03}-{safe}.mp4"

    @property
    def seconds_taken(self) -> int | None:
        """From the order to the file."""
        if self.video is None or not self.video["completed_at"]:
            return None
        return int(self.video["completed_at"] - self.video["created_at"])

    @property
    def cost(self) -> Decimal:
        """US dollars."""
        return Decimal(0) if self.video is None else Decimal(self.video["cost"]["actual"] or "0")


def add_commands(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    file: Annotated[
        Path, typer.Argument(metavar="PROMPTS", exists=True, dir_okay=False, help="One a line.")
    ],
    models: Annotated[str, typer.Option(help="Two or more, separated by commas.")],
    budget: Annotated[str, typer.Option(help="The most that it may cost, in US dollars.")],
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT; each model's default.")] = None,
    seconds: Annotated[int | None, typer.Option(help="Of each; each model's default.")] = None,
    url: Annotated[str | None, typer.Option(help="The app; the local stack.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar=batch.KEY, show_default=False, help="The caller's key.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; below .data/compare.")] = None,
) -> None:
    """Render the same prompts with several models, and write a page that shows them side by side.

    Run again, it comes back to the same clips. Exits with 0 only if every clip was made.
    """
    names = [name.strip() for name in models.split(",") if name.strip()]
    if len(set(names)) < max(2, len(names)):
        raise StackError("--models takes two different ones or more, such as sora-2,ltx-2.")
    prompts = _prompts(file)
    lines = _lines(prompts, names, size, seconds)
    options = batch.Options(
        budget=batch.amount_of(budget), window="24h", max_running=None, dry_run=False, webhook=None
    )
    from openai import APIConnectionError, APIStatusError

    with batch.client_of(url, key) as client:
        try:
            found = batch.ended(client, file.name, lines, options)
            batch.report(found, [])
            clips = _clips(client, found, len(prompts), names)
            folder = out or batch.data_dir() / "compare" / found.id
            for clip in clips:
                _fetch(client, clip, folder)
        except KeyboardInterrupt:
            console.print("\nThe renders go on without this command; run it again to come back.")
            raise typer.Exit(130) from None
        except APIStatusError as error:
            raise StackError(f"{client.base_url} answered: {batch.message_of(error)}") from None
        except APIConnectionError:
            raise StackError(f"{client.base_url} cannot be reached.") from None
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(render(prompts, names, clips), encoding="utf-8")
    console.print(f"page    {page}", markup=False)
    if not all(_is_made(clip) for clip in clips):
        raise typer.Exit(1)


def _prompts(file: Path) -> list[str]:
    """The prompts in a file; blank lines, and those that begin with #, are none."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines())
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise StackError(f"{file} has no prompts: write one a line.")
    return prompts


def _lines(
    prompts: Sequence[str], models: Sequence[str], size: str | None, seconds: int | None
) -> bytes:
    """The batch's requests. No successor may render them: it would be compared with itself."""
    asked = {"size": size, "seconds": None if seconds is None else str(seconds)}
    shape = {name: value for name, value in asked.items() if value is not None}
    return "".join(
        json.dumps(
            {
                "custom_id": f"{number}{_BETWEEN}{model}",
                "method": "POST",
                "url": "/v1/videos",
                "body": {"model": model, "prompt": prompt, "allow_successor": False, **shape},
            }
        )
        + "\n"
        for number, prompt in enumerate(prompts, 1)
        for model in models
    ).encode()


def _clips(client: OpenAI, found: Any, prompts: int, models: Sequence[str]) -> list[Clip]:
    """What became of every prompt by every model, in their order."""
    answers = {
        str(answer["custom_id"]): answer
        for file_id in (found.output_file_id, found.error_file_id)
        if file_id is not None
        for answer in _answers(client, file_id)
    }
    return [
        _clip(number, model, answers.get(f"{number}{_BETWEEN}{model}"))
        for number in range(1, prompts + 1)
        for model in models
    ]


def _clip(number: int, model: str, answer: Mapping[str, Any] | None) -> Clip:
    error = (answer or {}).get("error") or {}
    response = (answer or {}).get("response") or {}
    return Clip(
        prompt=number,
        model=model,
        video=response.get("body"),
        problem=str(error.get("message") or ("" if answer else "It was not begun.")),
    )


def _answers(client: OpenAI, file_id: str) -> Iterator[dict[str, Any]]:
    for line in client.files.content(file_id).text.splitlines():
        yield json.loads(line)


def _is_made(clip: Clip) -> bool:
    return clip.video is not None and clip.video["status"] == "completed"


def _fetch(client: OpenAI, clip: Clip, folder: Path) -> None:
    """Save a clip beside the page, unless it is there."""
    if clip.video is None or not _is_made(clip):
        return
    path = folder / clip.file
    if path.exists() and path.stat().st_size == clip.video["outputs"][0]["size_bytes"]:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with client.videos.with_streaming_response.download_content(clip.video["id"]) as answer:
        answer.stream_to_file(path)


def render(prompts: Sequence[str], models: Sequence[str], clips: Sequence[Clip]) -> str:
    """The page: a row for each prompt, a column for each model."""
    of = {(clip.prompt, clip.model): clip for clip in clips}
    rows = "\n".join(
        _ROW.substitute(
            number=number,
            prompt=html.escape(prompt),
            cells="".join(_cell(of[number, model]) for model in models),
        )
        for number, prompt in enumerate(prompts, 1)
    )
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(" and ".join(models)),
        heads="".join(f"<th>{html.escape(model)}</th>" for model in models),
        sums="".join(
            f"<td>{_sums([clip for clip in clips if clip.model == model])}</td>" for model in models
        ),
        rows=rows,
    )


_ROW = Template(
    '<tr><th scope="row"><p>$prompt</p>'
    '<button type="button" data-row="$number">Play this row</button></th>$cells</tr>'
)


def _cell(clip: Clip) -> str:
    if not _is_made(clip) or clip.video is None:
        return f'<td><p class="problem">{html.escape(clip.problem)}</p></td>'
    video = clip.video
    made = f"${clip.cost}; made in {clip.seconds_taken} s"
    facts = f"{video['size']}, {video['seconds']} s of film; {made}"
    return (
        f'<td><video controls muted loop playsinline preload="metadata" '
        f'src="{html.escape(clip.file)}"></video><p>{html.escape(facts)}</p></td>'
    )


def _sums(clips: Sequence[Clip]) -> str:
    made = [clip for clip in clips if _is_made(clip)]
    took = sorted(clip.seconds_taken or 0 for clip in made)
    middle = f", half of them within {took[(len(took) - 1) // 2]} s" if took else ""
    cost = sum((clip.cost for clip in clips), Decimal(0))
    return f"{len(made)} of {len(clips)} made{middle}; ${cost} together"
