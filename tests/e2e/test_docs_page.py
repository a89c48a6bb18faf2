"""The page /docs in a real browser: it shows the document, and its forms send real requests."""

from __future__ import annotations

import json

from local.stack import API_KEY
from tests.support.browser import browser
from tests.support.stacks import Client


def test_a_request_is_made_with_the_forms_of_the_page(api: Client) -> None:
    document = api.http.get(f"{api.stack.api}/openapi.json").json()
    described = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    with browser() as page:
        page.open(f"{api.stack.api}/docs")
        page.until("document.querySelectorAll('details.operation').length > 0")
        shown = page.run("[...document.querySelectorAll('details.operation')].map(e => e.id)")
        assert sorted(shown) == sorted(described)

        def send(operation: str, status: int) -> str:
            form = f"#{operation} > .inside"
            if not page.call("isVisible", form):
                page.click(f"#{operation} > summary")
            page.click(f"{form} > button")
            return str(
                page.until(
                    f"document.querySelector('{form} .status')?.textContent === '{status}'"
                    f" && (document.querySelector('{form} > [aria-live] > pre')?.textContent"
                    " || 'empty')"
                )
            )

        assert "invalid_api_key" in send("createVideo", 401)
        # the browser itself reports a request that was refused
        assert [each for each in page.problems if "401" not in each] == []
        page.problems.clear()
        page.fill("#key", API_KEY)
        video = json.loads(send("createVideo", 200))
        assert api.wait(video["id"])["status"] == "completed"
        # the answer's id went into the other forms
        assert json.loads(send("getVideo", 200))["id"] == video["id"]
        send("getVideoContent", 200)
        page.until("document.querySelector('#getVideoContent video').videoWidth === 1280")
        page.run("document.querySelector('#getVideoContent video').play()")
        page.until("document.querySelector('#getVideoContent video').currentTime > 0.1")
        assert '"settled"' in send("getUsage", 200)
        page.run(
            "{ const form = document.querySelector('#createFile > .inside');"
            " const chosen = new DataTransfer();"
            " chosen.items.add(new File(['{}'], 'requests.jsonl'));"
            " form.querySelector('input[type=file]').files = chosen.files;"
            " form.querySelector('select').value = 'batch'; }"
        )
        file = json.loads(send("createFile", 200))
        assert (file["filename"], file["purpose"], file["bytes"]) == ("requests.jsonl", "batch", 2)
        assert "-F 'file=@requests.jsonl'" in page.text("#createFile .inside > pre")
        assert send("getFileContent", 200) == "{}"
        assert '"Authorization: Bearer $KEY"' in page.text("#getUsage .inside > pre")
        assert API_KEY not in page.run("document.documentElement.outerHTML")
        assert page.problems == []
