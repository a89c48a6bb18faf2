"""The page /docs in a real browser: it shows the document, and its forms send real requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.stack import API_KEY
from tests.support import chromium
from tests.support.stacks import Client

CHROMIUM = chromium.find()


@pytest.mark.skipif(CHROMIUM is None, reason=f"no browser here: none of {chromium.NAMES}")
def test_a_request_is_made_with_the_forms_of_the_page(api: Client, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    document = api.http.get(f"{api.stack.api}/openapi.json").json()
    described = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    with chromium.browser(CHROMIUM, tmp_path) as page:
        page.open(f"{api.stack.api}/docs")
        page.until("document.querySelectorAll('details.operation').length > 0")
        shown = page.run("[...document.querySelectorAll('details.operation')].map(e => e.id)")
        assert sorted(shown) == sorted(described)

        def send(operation: str, status: int) -> str:
            form = f"document.getElementById('{operation}')"
            page.run(f"{form}.open = true; {form}.querySelector('button').click()")
            return str(
                page.until(
                    f"{form}.querySelector('.status')?.textContent === '{status}'"
                    f" && ({form}.querySelector('[aria-live] > pre')?.textContent || 'empty')"
                )
            )

        assert "invalid_api_key" in send("createVideo", 401)
        # the browser itself reports a request that was refused
        assert [each for each in page.problems if "401" not in each] == []
        page.problems.clear()
        page.run(f"document.getElementById('key').value = {json.dumps(API_KEY)}")
        video = json.loads(send("createVideo", 200))
        assert api.wait(video["id"])["status"] == "completed"
        # the answer's id went into the other forms
        assert json.loads(send("getVideo", 200))["id"] == video["id"]
        send("getVideoContent", 200)
        content = "document.getElementById('getVideoContent')"
        assert page.until(f"{content}.querySelector('video')?.src").startswith("blob:")
        assert '"settled"' in send("getUsage", 200)
        curl = page.run("document.querySelector('#getUsage pre').textContent")
        assert '"Authorization: Bearer $KEY"' in curl
        assert API_KEY not in page.run("document.documentElement.outerHTML")
        assert page.problems == []
