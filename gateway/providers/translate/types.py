"""What can go wrong with a provider's side of a translation."""

from __future__ import annotations

from gateway.providers.translate.fields import InvalidField, TranslationError, Untranslatable


class MalformedUpstream(Exception):
    """The provider's answer or event is not what its format says."""


class UpstreamStreamError(Exception):
    """The provider reported an error within its stream."""

    def __init__(self, kind: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code


__all__ = ["InvalidField", "MalformedUpstream", "TranslationError", "Untranslatable", "UpstreamStreamError"]
