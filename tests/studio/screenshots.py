"""The pictures of the studio in docs/figures: `python -m tests.studio.screenshots [FOLDER]`.

A stack of its own renders what they show: some films are done, two are being made, one waits.
"""

import base64
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from local.signals import end_on_signals
from local.stack import API_KEY, ROOT, Ports, Stack
from tests.studio.pages import PHONE, address, enter
from tests.studio.scenery import landscape
from tests.support.browser import Browser, Page, launched
from tests.support.stacks import Client, local_caller

FIGURES = ROOT / "docs" / "figures"
LARGEST = 300_000
_SCALE = 20
DESKTOP = {"width": 1360, "height": 900}

DONE: tuple[dict[str, Any], ...] = (
    {"prompt": "A heron lifts off a still lake at first light, slow motion", "size": "1280x720"},
    {"prompt": "Paper lanterns drift over a night market, camera rising", "size": "720x1280"},
    {"prompt": "A fern unrolls in a greenhouse, macro, timelapse", "size": "1280x720"},
    {"prompt": "Fog pours over a mountain pass at dusk, aerial", "size": "1280x720"},
    {"prompt": "A potter's hands raise a bowl on the wheel, close-up", "size": "1280x720"},
    {"prompt": "Neon rain on an empty tram stop, reflections, night", "size": "720x1280"},
)
UNDER_WAY: tuple[dict[str, Any], ...] = (
    {"prompt": "A paper boat sails down a rainy street at night", "seconds": "12"},
    {"prompt": "A red fox trots through fresh snow at dawn, breath steaming", "seconds": "8"},
    {"prompt": "An old lighthouse keeper climbs the spiral stairs", "seconds": "12"},
)
DRAFT = "A whale breaches beside a small red sailing boat, golden hour, handheld"


def main() -> None:
    end_on_signals()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, _stack(Path(name)) as caller:
        for number, wanted in enumerate(DONE):
            width, height = (int(side) for side in wanted["size"].split("x"))
            picture = base64.b64encode(landscape(width, height, number)).decode()
            start = {"image_url": f"data:image/jpeg;base64,{picture}"}
            caller.create(model="sora-2", seconds="4", input_reference=start, **wanted)
        for video in caller.http.get(f"{caller.stack.api}/videos").json()["data"]:
            caller.wait(video["id"], seconds=300)
        for wanted in reversed(UNDER_WAY):
            caller.create(model="sora-2", size="1280x720", **wanted)
        with launched() as browser:
            with _page(browser, caller.stack, viewport=DESKTOP, colorScheme="light") as page:
                page.fill("#prompt", DRAFT)
                page.call("check", "[name=size][value='1280x720']")
                _settled(page)
                _take(page, folder / "studio-make.png")
            with _page(browser, caller.stack, viewport=DESKTOP, colorScheme="dark") as page:
                page.click("nav >> text=Look")
                page.call("waitForSelector", "#look-title")
                _settled(page)
                _take(page, folder / "studio-look.png")
            phone = {"viewport": PHONE, "deviceScaleFactor": 2, "colorScheme": "light"}
            with _page(browser, caller.stack, **phone) as page:
                page.call("waitForSelector", ".waiting >> nth=0")
                page.run("document.querySelector('.waiting').scrollIntoView()")
                page.run("scrollBy(0, -80)")
                _settled(page)
                _take(page, folder / "studio-phone.png")


@contextmanager
def _stack(folder: Path) -> Iterator[Client]:
    """Three render at once; the last of them are there for the pictures."""
    config = folder / "simulator.json"
    times = [
        {"seconds": seconds, "distribution": {"type": "fixed", "seconds": took}}
        for seconds, took in ((4, 60), (8, 2400), (12, 3600))
    ]
    unlimited = {"max_running": 8, "max_creates_per_minute": 600}
    deployments = [{"name": "sora-2", "dialect": "sora-2", **unlimited}]
    config.write_text(json.dumps({"render_times": times, "deployments": deployments}))
    stack = Stack(folder, Ports.any_free(), {"TIME_SCALE": str(_SCALE)}, simulator_config=config)
    listed = json.loads(stack.settings["UPSTREAMS"])
    two = {"max_running": 2, "max_creates_per_minute": 600}
    stack.overrides = {
        **stack.overrides,
        "UPSTREAMS": json.dumps([{**listed[0], **two}, *listed[1:]]),
    }
    with stack, local_caller(stack) as caller:
        yield caller


@contextmanager
def _page(browser: Browser, stack: Stack, **options: Any) -> Iterator[Page]:
    with browser.page(reducedMotion="reduce", locale="en-US", **options) as page:
        page.open(address(stack))
        enter(page, API_KEY)
        page.call("waitForSelector", "#prompt")
        yield page


def _settled(page: Page) -> None:
    """Everything in view is there: stills, the price, the first estimates."""
    page.until(
        "[...document.querySelectorAll('.still')].filter(each => {"
        " const {top, bottom} = each.getBoundingClientRect();"
        " return bottom > 0 && top < innerHeight; })"
        ".every(each => each.querySelector('img')?.complete)",
        seconds=120,
    )
    page.call("waitForTimeout", 1500)


def _take(page: Page, file: Path) -> None:
    """As it is if that is small, else with 256 colours."""
    page.screenshot(file)
    with Image.open(file) as taken:
        picture = taken.convert("RGB")
    picture.save(file, optimize=True)
    if file.stat().st_size > LARGEST:
        picture.quantize(256, Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.name}: {size / 1000:.0f} kB")
    if size > LARGEST:
        sys.exit(f"{file.name} has more than {LARGEST / 1000:.0f} kB.")


if __name__ == "__main__":
    main()
