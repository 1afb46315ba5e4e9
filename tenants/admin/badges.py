"""Coloured labels, the same in lists and on pages."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def badge(text: Any, colour: str = "") -> SafeString:
    """`colour` is one of unfold's: primary, info, success, warning, danger; empty is grey."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})
