"""The pages of the dashboards, in every console and at /admin/. `views` registers them with both sites.

A tab is a module that ends in a `TAB` (see `tabs`): `latency`, `cost`, `failures`, `caches`, and for operators `tenants`. A further one,
such as quality, is such a module and its place in `views.TABS`.
"""

from dashboards.pages import alert_settings, cards, views

__all__ = ["alert_settings", "cards", "views"]
