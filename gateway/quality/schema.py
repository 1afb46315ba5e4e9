"""Whether an answer is JSON of the schema that a request asked for.

Schemas come from clients: nothing is fetched for a reference, none of their regular expressions is run (a crafted one takes
forever), and a schema whose references multiply is given up on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, exceptions
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

_MOST_REFERENCES = 500
_MOST_BYTES = 200_000  # of an answer that is compared with its schema; a longer one need only be JSON


class _GivenUpError(Exception):
    """Checking would take too long."""


def is_violated(answer: str, schema: Mapping[str, Any] | None) -> bool:
    """Whether the answer is no JSON, or JSON that `schema` refuses. None asks for JSON of any form.

    A schema that is none, that refers elsewhere, or that takes too long refuses nothing. Never raises.
    """
    try:
        value = msgspec.json.decode(answer.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return True
    if schema is None or len(answer) > _MOST_BYTES:
        return False
    try:
        return not _validator(schema).is_valid(value)
    except (
        _GivenUpError,
        exceptions.SchemaError,
        exceptions.UnknownType,
        Unresolvable,
        RecursionError,
        TypeError,
        ValueError,
        AttributeError,
        KeyError,
    ):
        return False


def _validator(schema: Mapping[str, Any]) -> Any:
    references = 0
    follow = Draft202012Validator.VALIDATORS["$ref"]

    def count_and_follow(validator: Any, reference: Any, instance: Any, parent: Any) -> Iterator[Any]:
        nonlocal references
        references += 1
        if references > _MOST_REFERENCES:
            raise _GivenUpError
        yield from follow(validator, reference, instance, parent) or ()

    kind = extend(
        Draft202012Validator,
        {
            "$ref": count_and_follow,
            "$dynamicRef": _pass,
            "pattern": _pass,
            "patternProperties": _pass,
            "propertyNames": _pass,
            "additionalProperties": _additional_unless_patterns,
            "unevaluatedProperties": _pass,
            "unevaluatedItems": _pass,
        },
    )
    return kind(schema, registry=Registry())


def _pass(validator: Any, wanted: Any, instance: Any, parent: Any) -> Iterator[Any]:
    yield from ()


def _additional_unless_patterns(validator: Any, wanted: Any, instance: Any, parent: Any) -> Iterator[Any]:
    if "patternProperties" not in parent:
        yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, wanted, instance, parent) or ()
