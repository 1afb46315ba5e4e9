"""Reading a JSON object so that nothing in it goes unnoticed.

Each field is taken, accepted (it changes nothing about the answer), or refused unless it is neutral; `done` refuses what is left over. So
a field nobody has thought of is an error that names it, never a silent loss.
"""

from __future__ import annotations

from typing import Any, TypeVar

Wanted = TypeVar("Wanted")


class TranslationError(Exception):
    """The request cannot be said in the other format. `param` is the field's path in the caller's body."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"{param}: {message}")
        self.param = param
        self.message = f"{param}: {message}" if param else message


class Untranslatable(TranslationError):
    """The other format has no way to say this."""


class InvalidField(TranslationError):
    """The field is not what the caller's own format allows."""


_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class Fields:
    """The fields of one object that nobody has looked at yet."""

    __slots__ = ("_left", "_path")

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise InvalidField(path, "must be an object.")
        self._left: dict[str, Any] = dict(value)
        self._path = path

    def path(self, name: str) -> str:
        """The path of a field of this object."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str, kind: type[Wanted]) -> Wanted | None:
        """The field's value; None if it is absent or null. Raises `InvalidField` if it is of another type."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return self._float(name, value)  # type: ignore[return-value]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidField(self.path(name), f"must be {_NAMES[kind]}.")
        return value

    def _float(self, name: str, value: int) -> float:
        try:
            return float(value)
        except OverflowError as error:
            raise InvalidField(self.path(name), "is too large.") from error

    def need(self, name: str, kind: type[Wanted]) -> Wanted:
        """As `take`, but the field must be there."""
        value = self.take(name, kind)
        if value is None:
            raise InvalidField(self.path(name), "is missing.")
        return value

    def take_any(self, name: str) -> Any:
        """The field's value, of whatever type."""
        return self._left.pop(name, None)

    def accept(self, *names: str) -> None:
        """Fields that change nothing about the answer: only its price, its delivery or its labels."""
        for name in names:
            self._left.pop(name, None)

    def accept_object(self, name: str, *known: str) -> bool:
        """As `accept`, for an object: what else stands in it is refused. Returns whether it is there."""
        value = self.take(name, dict)
        if value is None:
            return False
        inner = Fields(value, self.path(name))
        inner.accept(*known)
        inner.done()
        return True

    def refuse(self, name: str, why: str, *, neutral: tuple[Any, ...] = ()) -> None:
        """Raises `Untranslatable` unless the field is absent, null or has a neutral value."""
        value = self._left.pop(name, None)
        if value is not None and not any(value == harmless and type(value) is type(harmless) for harmless in neutral):
            raise Untranslatable(self.path(name), why)

    def done(self) -> None:
        """Raises `Untranslatable` for the first field that is left."""
        for name, value in self._left.items():
            if value is not None:
                raise Untranslatable(
                    self.path(name), "is not known here and cannot be passed to this model's provider."
                )


def items(value: list[Any], path: str) -> list[tuple[Any, str]]:
    """A list's items with their paths."""
    return [(item, f"{path}[{index}]") for index, item in enumerate(value)]
