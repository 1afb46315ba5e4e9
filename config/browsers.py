"""What browsers may do with our pages: the Content-Security-Policy.

Every script is a file of ours: none is within a page, so that no nonce is needed and text that slipped through the escaping stays text.
Exceptions:

- `unsafe-eval`: Alpine, which the admin's theme is built on, evaluates the expressions in its attributes.
- `unsafe-inline` for styles: the theme writes `style` attributes (widths of bars, images), and so do charts.
- `form-action` is open on the pages that lead to an identity provider: browsers apply it to where a sent form is redirected, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

leads_elsewhere: Callable[[Any], Any] = csp_replace({"form-action": None})
