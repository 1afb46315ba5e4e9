"""How the operators' pages and the console look: unfold's settings. What stands in their menus is in config/navigation.py."""

from functools import partial

from django.utils.translation import gettext_lazy as _

from config.branding import static_url

UNFOLD = {
    "SITE_TITLE": "Tollgate",
    "SITE_HEADER": "Tollgate",
    "SITE_SUBHEADER": _("LLM gateway"),
    "SITE_URL": None,
    "SITE_ICON": {name: partial(static_url, f"tollgate/mark-{name}.svg") for name in ("light", "dark")},
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": partial(static_url, "tollgate/mark-light.svg")},
    ],
    "STYLES": [partial(static_url, f"tollgate/{name}.css") for name in ("admin", "console", "limits", "rules")],
    "ENVIRONMENT": "config.navigation.environment",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .014 190)",
            "100": "oklch(94.5% .036 190)",
            "200": "oklch(89.5% .065 190)",
            "300": "oklch(82% .098 190)",
            "400": "oklch(72.5% .11 192)",
            "500": "oklch(64% .108 195)",
            "600": "oklch(52% .09 198)",
            "700": "oklch(44.5% .076 200)",
            "800": "oklch(38% .062 202)",
            "900": "oklch(33% .05 204)",
            "950": "oklch(24% .04 206)",
        }
    },
    "SIDEBAR": {"show_search": True, "navigation": "config.navigation.operators"},
}
UNFOLD_CONSOLE = {**UNFOLD, "SIDEBAR": {"show_search": True, "navigation": "config.navigation.console"}}
