"""Everything that goes wrong in the management API, in one format that names fields as forms do:

    {"error": {"code": "invalid", "message": "…", "fields": {"amount": ["At most 9,000,000 USD."]}}}

`message` says what is wrong with the whole; `fields` is there where something is wrong with some. Parts of lists are named
`targets[0].model`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation, ValidationError
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DataError, IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response

from tenants.encryption import UndecryptableError

logger = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    """What is asked for does not go with how things stand."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class OtherRequest(exceptions.APIException):
    """An `Idempotency-Key` that came with another request before."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key came with another request before. Use a new one for each thing to be done."


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large: one megabyte at most."


class TooMany(exceptions.APIException):
    """Calls come faster than they may; `seconds`: until the next one is let in."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "rate_limited"

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.seconds = seconds


class Unavailable(exceptions.APIException):
    """Something that Tollgate needs does not answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


CODES = {"parse_error": "invalid", "permission_denied": "not_allowed", "authentication_failed": "not_authenticated"}


def body(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": CODES.get(code, code), "message": message}
    if fields:
        error["fields"] = fields
    return {"error": error}


def not_authenticated(message: str) -> JsonResponse:
    """The answer to a request of which nobody knows whose it is."""
    return JsonResponse(body("not_authenticated", message), status=401, headers={"WWW-Authenticate": "Bearer"})


def too_many(error: TooMany) -> JsonResponse:
    """As `handle` tells it, to somebody of whom nobody knows who it is."""
    told = body(error.default_code, str(error.detail))
    return JsonResponse(told, status=error.status_code, headers={"Retry-After": str(error.seconds)})


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None, which raises on, for nothing that is foreseen: what was done is undone by the caller."""
    match error:
        case ValidationError():
            return _invalid(dict(_of_row(error)))
        case exceptions.ValidationError():
            return _invalid(dict(_flat(error.detail, "")))
        case Http404() | exceptions.NotFound():
            return Response(body("not_found", _("There is no such thing here.")), status=404)
        case DjangoPermissionDenied():
            return Response(body("not_allowed", _("This role does not allow it.")), status=403)
        case ProtectedError() | RestrictedError():
            text = _("Something else refers to it. Delete that first, or switch this one off instead.")
            return Response(body("in_use", text), status=409)
        case IntegrityError():
            logger.warning("the management API met another writer: %s", error)
            return Response(body("conflict", _("Somebody else changed the same just now. Try again.")), status=409)
        case DataError() | UnicodeError() | RecursionError():
            return Response(body("invalid", _("The body holds what cannot be stored.")), status=400)
        case BadRequest() | SuspiciousOperation():
            return Response(body("invalid", _("This request cannot be read, or is too much at once.")), status=400)
        case UndecryptableError():
            text = _("The stored credential opens with none of the encryption keys. Send it again.")
            return Response(body("credential_lost", text), status=409)
        case exceptions.APIException():
            headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
            if isinstance(error, TooMany):
                headers["Retry-After"] = str(error.seconds)
            code = str(getattr(error.detail, "code", error.default_code))
            return Response(body(code, str(error.detail)), status=error.status_code, headers=headers)
    logger.exception("the management API failed")
    text = _("Tollgate failed; its log says why. Nothing was changed.")
    return Response(body("internal_error", text), status=500)


def _invalid(fields: dict[str, list[str]]) -> Response:
    """What is said of no field is the message; else the message leads to the fields."""
    whole = fields.pop("", [])
    message = " ".join(whole) or _("Something is wrong with these fields: %(names)s.") % {"names": ", ".join(fields)}
    return Response(body("invalid", message, fields), status=400)


def _of_row(error: ValidationError) -> Iterator[tuple[str, list[str]]]:
    if not hasattr(error, "error_dict"):
        yield "", error.messages
        return
    for field, messages in error.message_dict.items():
        yield ("" if field == "__all__" else field), list(messages)


def _flat(detail: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, _part(path, name))
    elif isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        for index, item in enumerate(detail):
            yield from _flat(item, f"{path}[{index}]")
    elif detail:
        yield path, [str(item) for item in (detail if isinstance(detail, list) else [detail])]


def _part(path: str, name: Any) -> str:
    if name == "non_field_errors":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)
