# mypy: ignore-errors
"""HTTP triggers: routes, methods, bodies, headers, auth levels."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="echo/{*path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(
            {
                "method": req.method,
                "url": req.url,
                "params": dict(req.params),
                "route": dict(req.route_params),
                "headers": dict(req.headers),
                "body": req.get_body().decode("latin-1"),
                "function": context.function_name,
                "invocation": context.invocation_id,
            }
        ),
        mimetype="application/json",
    )


@app.route(route="items/{id:int}", methods=["GET"])
def item_by_number(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"number {req.route_params['id']}")


@app.route(route="items/{name:alpha:maxlength(4)}", methods=["GET"])
def item_by_name(req: func.HttpRequest) -> str:
    return f"name {req.route_params['name']}"


@app.route(route="items/spec", methods=["GET"])
async def item_first_of_all(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@app.route(route="items/special", methods=["GET"])
async def item_special(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@app.route(route="items/{*rest}")
def item_otherwise(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"rest {req.route_params.get('rest')}", status_code=299)


@app.route(route="files/{name}.{extension?}/{page=1}", methods=["GET", "HEAD"])
def files(req: func.HttpRequest) -> func.HttpResponse:
    if req.method == "HEAD":
        return func.HttpResponse(headers={"Content-Length": "12345"}, mimetype="video/mp4")
    return func.HttpResponse(json.dumps(dict(req.route_params)))


@app.route(route="bytes", methods=["POST"])
def bytes_back(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), mimetype="application/octet-stream")


@app.route(route="form", methods=["POST"])
def form(req: func.HttpRequest) -> func.HttpResponse:
    upload = req.files["file"]
    return func.HttpResponse(f"{req.form['prompt']} {upload.filename} {len(upload.read())}")


@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\xff", status_code=207, mimetype="image/png")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    response.headers.add("X-Thing", "one")
    response.headers.add("X-Thing", "two")
    return response


@app.route(route="no_content")
def no_content(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route(route="redirect")
def redirect(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=302, headers={"Location": "https://example.com/x?y=1"})


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route(route="admin_only", auth_level=func.AuthLevel.ADMIN)
def admin_only(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route(route="bad/{id:nonsense}")
def bad_route(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@app.queue_trigger(arg_name="message", queue_name="q", connection="C")
def other_service(message: func.QueueMessage) -> None:
    return None
