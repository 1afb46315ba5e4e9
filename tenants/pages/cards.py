"""What the home page says of the tenant's keys. Other apps have modules like this one for what is theirs."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants import visits
from tenants.models import ApiKey
from tenants.pages.home import Card, card


@card(order=20)
def keys(request: HttpRequest) -> Card:
    """The second step of a new tenant, after the provider; later, how many keys there are."""
    usable = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None).count()
    if usable:
        text = ngettext("%(count)d key can call.", "%(count)d keys can call.", usable) % {"count": usable}
        return Card(_("API keys"), "key", text, reverse("console:tenants_apikey_changelist"), _("See the keys"))
    text = _("An application calls with a key of its own. It is shown once, when it is made.")
    if not visits.of(request).may("add", "keys"):
        return Card(_("No API key yet"), "key", _("Somebody with the role of a developer can make one."))
    return Card(_("Make an API key"), "key", text, reverse("console:tenants_apikey_add"), _("Make a key"), step=2)
