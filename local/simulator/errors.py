"""Refusals of both APIs as values, in the words of the real services."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Face = Literal["azure", "openai"]
"""How a path presents itself: `/openai/v1/..` or `/v1/..`."""

BodyShape = Literal["wrapped", "flat"]

USER_ERROR = "video_generation_user_error"
"""[L] the type of most refusals of Azure's /videos."""

INVALID_REQUEST = "invalid_request_error"


@dataclass
class ApiError(Exception):
    """An error answer. `limit` says which limit a 429 is about, for the journal."""

    status: int
    message: str
    type: str | None = INVALID_REQUEST
    param: str | None = None
    code: str | None = None
    inner: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    limit: Literal["running", "creates_per_minute"] | None = None

    def body(self, shape: BodyShape) -> dict[str, Any]:
        """The JSON body: `{"error": {..}}` [L], or flat as in the Sora 1 specification [S]."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        if self.inner is not None:
            # Live Azure spells it `innererror` [L, chat]; the specification `inner_error` [S].
            error["inner_error" if shape == "flat" else "innererror"] = self.inner
        return error if shape == "flat" else {"error": error}


def missing_parameter(name: str) -> ApiError:
    """[L] the text, seen for 'model'; [?] its code."""
    return ApiError(
        400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
    )


def unknown_parameter(name: str) -> ApiError:
    """[3] the text, seen for 'duration' and 'width'."""
    return ApiError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def invalid_value(name: str, value: str, supported: Sequence[str]) -> ApiError:
    """[L] the text, seen for seconds; [3] for size."""
    return ApiError(
        400,
        f"Invalid value: '{value}'. Supported values are: {_listed(supported, 'and')}.",
        param=name,
        code="invalid_value",
    )


def invalid_type(name: str, expected: str, got: str) -> ApiError:
    """[3] the text, seen for an integer `seconds`."""
    return ApiError(
        400,
        f"Invalid type for '{name}': expected {expected}, but got {got} instead.",
        param=name,
        code="invalid_type",
    )


def one_of(supported: Sequence[str]) -> str:
    """What `invalid_type` expects of an enum: `one of '4', '8', or '12'`."""
    return f"one of {_listed(supported, 'or')}"


def model_name(given: object) -> str:
    """The `model` of a create.

    Raises:
        ApiError: 400 without one.
    """
    if given is None or given == "":
        raise missing_parameter("model")
    if not isinstance(given, str):
        raise invalid_type("model", "a string", json_type(given))
    return given


def json_type(value: object) -> str:
    """What JSON calls a value, with its article."""
    if value is None:
        return "null"
    names: dict[type, str] = {
        bool: "a boolean", int: "an integer", float: "a decimal", str: "a string",
        list: "an array", dict: "an object",
    }  # fmt: skip
    return names.get(type(value), "an object")


def unknown_deployment(name: str) -> ApiError:
    """[L] text and type."""
    return ApiError(
        404,
        f"The API deployment '{name}' for this resource does not exist. If you created the "
        "deployment within the last 5 minutes, please wait a moment and try again.",
        type=USER_ERROR,
    )


def wrong_model(operation: str, name: str) -> ApiError:
    """The deployment exists but speaks the other dialect. [?] words of Azure's other operations."""
    return ApiError(
        400,
        f"The {operation} operation does not work with the specified model, {name}. Please choose "
        "different model and try again.",
        code="OperationNotSupported",
    )


def retired(name: str) -> ApiError:
    """[S] the status, from the lifecycle policy; [?] the words."""
    return ApiError(
        410,
        f"The model of deployment '{name}' has been retired and is no longer available.",
        type=USER_ERROR,
        code="ModelRetired",
    )


def too_many_running() -> ApiError:
    """[L] text, type and the null code: a limit on concurrency, not on the rate."""
    return ApiError(429, "Too many running tasks", type=USER_ERROR, limit="running")


def too_many_creates(wait: int) -> ApiError:
    """[?] the words are those of Azure OpenAI's other rate limits; `wait` in seconds."""
    return ApiError(
        429,
        "Requests to the Videos_Create Operation under Azure OpenAI API have exceeded call rate "
        f"limit of your current pricing tier. Please retry after {wait} seconds.",
        type="rate_limit_error",
        code="429",
        limit="creates_per_minute",
    )


def content_filter(prompt: str) -> ApiError:
    """[S] inner code; [L, chat] status, code and words. No video capture exists."""
    return ApiError(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry.",
        type=None,
        param="prompt",
        code="content_filter",
        inner={
            "code": "ResponsibleAIPolicyViolation",
            "error_details": "content_filter",
            "revised_prompt": prompt[:200],
        },
    )


def access_denied(face: Face, key: str | None) -> ApiError:
    """401 for a missing or unknown key: [L] Azure's words, [3] OpenAI's."""
    if face == "openai":
        shown = "None" if key is None else f"{key[:3]}***"
        return ApiError(
            401,
            f"Incorrect API key provided: {shown}. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            code="invalid_api_key",
        )
    return ApiError(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource.",
        type=None,
        code="401",
    )


def permission_denied(operation: str) -> ApiError:
    """403 for a caller without the role: [L] Azure's words, seen for chat and responses."""
    return ApiError(
        403,
        "The principal `00000000-0000-0000-0000-000000000000` lacks the required data action "
        f"`Microsoft.CognitiveServices/accounts/OpenAI/videos/action` to perform `{operation}` "
        "operation.",
        type=None,
        code="PermissionDenied",
    )


def unknown_route(face: Face, method: str, path: str) -> ApiError:
    """404 for a path that is no operation: [L] Azure's words, [3] OpenAI's."""
    if face == "openai":
        return ApiError(404, f"Invalid URL ({method} {path})")
    return ApiError(404, "Resource not found", type=None, code="404")


def wrong_method(method: str, path: str) -> ApiError:
    """405 on OpenAI's face. [3] the words."""
    return ApiError(405, f"Not allowed to {method} on {path}.", code="method_not_supported")


def video_not_found(video_id: str) -> ApiError:
    """[3] status and text."""
    return ApiError(404, f"Video with id '{video_id}' not found.")


def video_not_ready() -> ApiError:
    """[3] status and text, checked live by LiteLLM against OpenAI."""
    return ApiError(404, "Video is not ready yet, use GET /v1/videos/{video_id} to check status.")


def job_not_found(job_id: str) -> ApiError:
    """[?] the words; [S] that unknown jobs are 404."""
    return ApiError(404, f"Video generation job {job_id} not found.", type=None, code="NotFound")


def generation_not_found(generation_id: str) -> ApiError:
    """[?] the words."""
    return ApiError(404, f"Video generation {generation_id} not found.", type=None, code="NotFound")


def not_deletable(job_id: str) -> ApiError:
    """A deployment that keeps unfinished jobs was asked to delete one. [?] throughout."""
    return ApiError(400, f"{job_id} is still running and cannot be deleted.", type=USER_ERROR)


def _listed(values: Sequence[str], conjunction: str) -> str:
    quoted = [f"'{value}'" for value in values]
    if len(quoted) < 3:
        return f" {conjunction} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {conjunction} {quoted[-1]}"
