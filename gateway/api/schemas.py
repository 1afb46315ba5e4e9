"""What the OpenAPI document says of the endpoints under /v1/. The bodies are the providers' own formats: described as far as Tollgate
reads them, open for everything else."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

_JSON: dict[str, Any] = {"type": "object", "additionalProperties": True}
_METADATA = {
    "type": "object",
    "additionalProperties": True,
    "description": "`user_id`, `feature` and `tags` label the request in Tollgate's log.",
    "properties": {
        "user_id": {"type": "string", "maxLength": 200},
        "feature": {"type": "string", "maxLength": 120},
        "tags": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    },
}
_MODEL = {"type": "string", "minLength": 1, "maxLength": 200, "description": "A model of the catalog, or task/<slug>."}
_MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "additionalProperties": True,
        "required": ["role"],
        "properties": {
            "role": {"type": "string"},
            "content": {
                "nullable": True,
                "oneOf": [
                    {"type": "string"},
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": True,
                            "required": ["type"],
                            "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
                        },
                    },
                ],
            },
        },
    },
}
_TOOLS = {"type": "array", "nullable": True, "items": {"type": "object", "additionalProperties": True}}
_LABELS = [
    OpenApiParameter("x-tollgate-user", str, "header", description="End user on whose behalf the call is made."),
    OpenApiParameter("x-tollgate-feature", str, "header", description="Feature of the application."),
    OpenApiParameter("x-tollgate-tags", str, "header", description="Tags, comma separated."),
]
_FEEDBACK_TOKEN = OpenApiParameter(
    "x-tollgate-feedback",
    str,
    "header",
    description="“token”: the answer carries x-tollgate-feedback-token, by which its reader may rate it.",
)

_CACHE_CONTROL = OpenApiParameter(
    "cache-control",
    str,
    "header",
    description="no-cache, no-store, max-age=<seconds>, only-if-cached: what you want of Tollgate's caches.",
)
_LEAST_SIMILARITY = OpenApiParameter(
    "x-tollgate-least-similarity",
    float,
    "header",
    description="0 to 1: from which similarity on the semantic cache may answer. More than the policy asks for, never less.",
)
_CALLS = [*_LABELS, _CACHE_CONTROL, _LEAST_SIMILARITY]


def _body(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "application/json": {
            "type": "object",
            "additionalProperties": True,
            "required": required,
            "properties": {"model": _MODEL, "metadata": _METADATA, **properties},
        }
    }


def _answers(error: str, *, streams: bool = False) -> dict[Any, Any]:
    failures = {
        400: "The request is at fault; the message says where.",
        401: "No valid key.",
        403: "The key may not do this.",
        404: "No such model or task.",
        408: "The body did not come in time.",
        413: "The body is too large.",
        429: "A limit is reached; see Retry-After.",
        502: "The provider failed.",
        503: "The provider is overloaded, or limits cannot be checked.",
        504: "The provider did not answer in time, or there is no cached answer for `only-if-cached`.",
    }
    described: dict[Any, Any] = {
        status: OpenApiResponse(_JSON, description=f"{text} The body is in {error}'s error format.")
        for status, text in failures.items()
    }
    if not streams:
        return {200: OpenApiResponse(_JSON, description=f"As {error} answers."), **described}
    text = f"As {error} answers; with `stream`, server-sent events."
    # Without a type: OpenAPI 3.0 has no word for events, and who checks streams takes a text for the type of each event.
    return {
        (200, "application/json"): OpenApiResponse(_JSON, description=text),
        (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.ANY, description=text),
        **described,
    }


chat_completions = extend_schema(
    operation_id="create_chat_completion",
    summary="Chat completion (OpenAI's format)",
    tags=["Inference"],
    parameters=[*_CALLS, _FEEDBACK_TOKEN],
    request=_body(
        ["model", "messages"],
        messages=_MESSAGES,
        stream={"type": "boolean", "nullable": True},
        max_completion_tokens={"type": "integer", "minimum": 1, "nullable": True},
        tools=_TOOLS,
    ),
    responses=_answers("OpenAI", streams=True),
    examples=[
        OpenApiExample(
            "By task",
            value={"model": "task/summarise", "messages": [{"role": "user", "content": "Summarise: ..."}]},
            request_only=True,
        )
    ],
)
messages = extend_schema(
    operation_id="create_message",
    summary="Message (Anthropic's format)",
    tags=["Inference"],
    parameters=[*_CALLS, _FEEDBACK_TOKEN],
    request=_body(
        ["model", "messages", "max_tokens"],
        messages=_MESSAGES,
        max_tokens={"type": "integer", "minimum": 1},
        stream={"type": "boolean", "nullable": True},
        tools=_TOOLS,
    ),
    responses=_answers("Anthropic", streams=True),
)
count_tokens = extend_schema(
    operation_id="count_message_tokens",
    summary="Count input tokens (Anthropic's format)",
    tags=["Inference"],
    request=_body(["model", "messages"], messages=_MESSAGES, tools=_TOOLS),
    responses=_answers("Anthropic"),
)
embeddings = extend_schema(
    operation_id="create_embedding",
    summary="Embeddings (OpenAI's format)",
    tags=["Inference"],
    parameters=_CALLS,
    request=_body(
        ["model", "input"],
        input={
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "array", "items": {"type": "integer"}},
                {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
            ]
        },
        encoding_format={"type": "string", "enum": ["float", "base64"]},
        dimensions={"type": "integer", "minimum": 1},
    ),
    responses=_answers("OpenAI"),
)
_VERSION = OpenApiParameter(
    "anthropic-version", str, "header", description="Given: the answer is in Anthropic's format, else in OpenAI's."
)
list_models = extend_schema(
    operation_id="list_callable_models",
    summary="Models and tasks",
    tags=["Catalog"],
    parameters=[_VERSION],
    responses={200: _JSON},
)
retrieve_model = extend_schema(
    operation_id="retrieve_model",
    summary="One model or task",
    tags=["Catalog"],
    parameters=[_VERSION],
    responses={200: _JSON},
)
budgets = extend_schema(
    operation_id="list_own_budgets",
    summary="Budgets that apply to this key",
    tags=["Usage"],
    parameters=[
        OpenApiParameter("user", str, description="An end user, whose budgets are listed, too."),
        OpenApiParameter(
            "task", str, many=True, description="A task, whose share of a budget for each task is listed, too."
        ),
        OpenApiParameter("model", str, many=True, description="The same of a model."),
        OpenApiParameter("tag", str, many=True, description="The same of a tag."),
    ],
    responses={200: _JSON},
)
usage = extend_schema(
    operation_id="get_usage",
    summary="What was used, by day",
    tags=["Usage"],
    parameters=[
        OpenApiParameter("from", OpenApiTypes.DATE, description="First day; by default the first of this month."),
        OpenApiParameter("to", OpenApiTypes.DATE, description="Last day; by default today."),
        OpenApiParameter(
            "group_by",
            str,
            enum=["day", "key", "end_user", "tier", "task", "model", "tag"],
            description="The whole tenant's usage instead of this key's own; needs the scope “usage”.",
        ),
    ],
    responses={200: _JSON},
)
cache = extend_schema(
    operation_id="get_cache",
    summary="What the caches of answers hold",
    description="Of the whole tenant; needs the scope “cache”. `semantic` is null while the database does not answer.",
    tags=["Cache"],
    responses={200: _JSON},
)
purge_cache = extend_schema(
    operation_id="purge_cache",
    summary="Have the caches of answers forget",
    description=(
        "From now on no answer is given again that was asked for before: of all, of a task, of a key (by its id), with a tag, or by an end "
        "user. Exactly one of these. Needs the scope “cache”."
    ),
    tags=["Cache"],
    request={
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "all": {"type": "boolean", "nullable": True, "enum": [True, None]},
                "task": {"type": "string", "nullable": True, "description": "A slug."},
                "key": {"type": "string", "nullable": True, "format": "uuid"},
                "tag": {"type": "string", "nullable": True, "minLength": 1, "maxLength": 64},
                "end_user": {"type": "string", "nullable": True, "minLength": 1, "maxLength": 200},
            },
        }
    },
    responses={
        200: _JSON,
        400: OpenApiResponse(_JSON, description="Not exactly one of them."),
        404: OpenApiResponse(_JSON, description="The tenant has no such task or key."),
    },
)
explain = extend_schema(
    operation_id="explain_route",
    summary="Where a request would go, and why",
    description=(
        "Takes the body of a chat completion, or with `anthropic-version` that of a message. Costs nothing, counts nowhere, calls nobody."
    ),
    tags=["Catalog"],
    parameters=[*_LABELS, OpenApiParameter("anthropic-version", str, "header", description="Given: a message's body.")],
    request=_body(
        ["model", "messages"],
        messages=_MESSAGES,
        stream={"type": "boolean", "nullable": True},
        max_tokens={"type": "integer", "minimum": 1, "nullable": True},
        tools=_TOOLS,
    ),
    responses={200: _JSON},
)
_KEY_OR_NONE: Any = [
    {"bearerKey": []},
    {"xApiKey": []},
    {},
]  # for drf-spectacular these would be texts; the document wants this
feedback = extend_schema(
    operation_id="give_feedback",
    summary="Rate an answer",
    description=(
        "With a key (scope “feedback”) and request_id; or, without a key, with the token that the answer carried. Each end user, or else "
        "each key, has one vote on an answer. Sent again, it is changed: what is left out stays as it was, unless the rating turns."
    ),
    tags=["Feedback"],
    auth=_KEY_OR_NONE,
    request={
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "required": ["rating"],
            "properties": {
                "request_id": {"type": "string", "description": "What the header x-request-id of the answer says."},
                "token": {
                    "type": "string",
                    "description": "Instead of request_id: x-tollgate-feedback-token of the answer.",
                },
                "rating": {"type": "string", "enum": ["up", "down"]},
                "reasons": {
                    "type": "array",
                    "maxItems": 8,
                    "nullable": True,
                    "items": {"type": "string", "maxLength": 40},
                    "description": "incorrect, incomplete, off_topic, outdated, unclear, too_long, tone, refused, unsafe, slow; "
                    "or your own.",
                },
                "comment": {"type": "string", "maxLength": 2000, "nullable": True},
                "user": {
                    "type": "string",
                    "maxLength": 200,
                    "nullable": True,
                    "description": "The end user whose vote it is; with a key.",
                },
            },
        }
    },
    responses={
        200: OpenApiResponse(_JSON, description="The vote as it stands now."),
        400: OpenApiResponse(
            _JSON, description="The vote is at fault, or the request got no answer that could be rated."
        ),
        401: OpenApiResponse(_JSON, description="Neither a valid key nor a token."),
        403: OpenApiResponse(_JSON, description="The key lacks the scope “feedback”."),
        404: OpenApiResponse(_JSON, description="There is no such request, or the token is none of ours."),
        408: OpenApiResponse(_JSON, description="The body did not come in time."),
        410: OpenApiResponse(_JSON, description="The answer is too old to be rated."),
        413: OpenApiResponse(_JSON, description="The body is too large."),
        429: OpenApiResponse(_JSON, description="Too many votes by token in a minute."),
        503: OpenApiResponse(_JSON, description="It cannot be written down just now; try again."),
    },
)
