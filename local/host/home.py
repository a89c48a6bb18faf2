"""The page that the host shows where an app has none of its own."""

import os

from starlette.responses import Response

_PAGE = """<!DOCTYPE html>
<html>
<head>
    <title>Your Azure Functions app is up and running</title>
</head>
<body>
    <h1>Your Azure Functions app is up and running</h1>
    <p>This is the local host; on Azure a page of Microsoft's stands here.</p>
</body>
</html>
"""


def home_page() -> Response:
    """For ``/``, whatever the method (host ``HomepageMiddleware``)."""
    if os.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":  # noqa: SIM112
        return Response(status_code=204)
    return Response(_PAGE, headers={"Content-Type": "text/html"})
