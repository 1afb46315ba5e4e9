"""Alert channels: where alerts go, whether it works, and how a receiver checks what it gets.

A webhook's secret is shown once, in the answer to the request that made it, and kept nowhere else but encrypted with the channel.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import alert_channels, channel_examples, confirmation, deliveries, figures
from billing.channels import DeliveryError
from billing.models import AlertChannel, AlertDelivery
from billing.pages.channel_forms import ChannelForm
from tenants import visits
from tenants.sites import console

Kind, Status = AlertChannel.Kind, AlertDelivery.Status
ICONS = {Kind.EMAIL: "mail", Kind.WEBHOOK: "webhook", Kind.SLACK: "forum"}
NAMES = {Kind.EMAIL: "E-mail", Kind.WEBHOOK: "Webhook", Kind.SLACK: "Slack"}

read_or_write = require_http_methods(["GET", "HEAD", "POST"])


@console.page("channels/", name="billing_alertchannel_changelist", subject="channels")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit, now = visits.of(request), timezone.now()
    last = AlertDelivery.objects.filter(channel=OuterRef("pk")).order_by("-id")
    rows: Any = _rows(visit.tenant).annotate(
        last_status=Subquery(last.values("status")[:1]), last_at=Subquery(last.values("delivered_at")[:1])
    )
    context = {
        "title": _("Alert channels"),
        "channels": [_shown(row, visit.may("change", "channels"), now) for row in rows.order_by("name")],
        "may_add": visit.may("add", "channels"),
        "may_change": visit.may("change", "channels"),
        "payload": json.dumps(channel_examples.payload(visit.tenant), indent=2, ensure_ascii=False),
        "snippets": channel_examples.SNIPPETS,
    }
    return console.render(request, "billing/channels/page.html", context)


@console.page("channels/add/", name="billing_alertchannel_add", subject="channels", action="add")
@sensitive_post_parameters("target")
@read_or_write
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    form = ChannelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            channel = alert_channels.create(visits.of(request).tenant, form.values())
        except ValidationError as error:
            form.refuse(error)
        else:
            return _after_saving(request, channel, has_new_secret=channel.kind == Kind.WEBHOOK)
    context = {"title": _("New alert channel"), "form": form}
    return console.render(request, "billing/channels/form.html", context)


@console.page("channels/<uuid:channel_id>/", name="billing_alertchannel_change", subject="channels", action="change")
@sensitive_post_parameters("target")
@read_or_write
@never_cache
def edit(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    channel = _channel(request, channel_id)
    title, had_secret = channel.name, channel.kind == Kind.WEBHOOK
    form = ChannelForm(request.POST or None, channel=channel)
    if request.method == "POST" and form.is_valid():
        try:
            alert_channels.change(channel, form.values(), now=timezone.now())
        except ValidationError as error:
            form.refuse(error)
        else:
            return _after_saving(request, channel, has_new_secret=not had_secret and channel.kind == Kind.WEBHOOK)
    has_lost_secret = had_secret and alert_channels.has_lost_secret(channel)
    context = {
        "title": title,
        "form": form,
        "channel_id": channel_id,
        "is_webhook": had_secret,
        "has_lost_secret": has_lost_secret,
        "off_because": channel.off_because,
    }
    return console.render(request, "billing/channels/form.html", context)


@console.page("channels/<uuid:channel_id>/test/", name="billing_alertchannel_test", subject="channels", action="change")
@require_POST
def test(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """Really send a test alert, and say what came of it. To an address that is not confirmed only the link is sent."""
    channel = _channel(request, channel_id)
    if channel.awaits_confirmation:
        error = _ask(request, channel)
        text = _("This address is not confirmed yet, so it was sent the link again. Open it there first.")
    else:
        error = deliveries.send_trials([channel.pk], timezone.now()).get(channel.pk)
        text = _("It took the test alert. Look for it there.")
    context = {"is_good": error is None, "text": text if error is None else str(error), "hint": _hint(channel, error)}
    if request.headers.get("HX-Request") == "true":
        return console.render(request, "billing/channels/tested.html", context)
    say = messages.success if error is None else messages.error
    say(request, f"{channel.name}: {context['text']} {context['hint']}".strip())
    return HttpResponseRedirect(reverse("console:billing_alertchannel_changelist"))


@console.page(
    "channels/<uuid:channel_id>/secret/", name="billing_alertchannel_secret", subject="channels", action="change"
)
@require_POST
def rotate(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """A new signing secret, shown once."""
    channel = _channel(request, channel_id)
    if channel.kind == Kind.WEBHOOK:
        return _revealed(request, channel, alert_channels.rotate_secret(channel, now=timezone.now()), is_rotated=True)
    return HttpResponseRedirect(reverse("console:billing_alertchannel_change", args=[channel.pk]))


@console.page(
    "channels/<uuid:channel_id>/delete/", name="billing_alertchannel_delete", subject="channels", action="delete"
)
@read_or_write
@never_cache
def delete(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """GET asks, POST deletes, with what it was sent."""
    channel = _channel(request, channel_id)
    if request.method == "POST":
        channel.delete()
        messages.success(request, _("“%(name)s” is deleted: it gets no more alerts.") % {"name": channel.name})
        return HttpResponseRedirect(reverse("console:billing_alertchannel_changelist"))
    context = {"title": _("Delete “%(name)s”?") % {"name": channel.name}, "channel": channel}
    return console.render(request, "billing/channels/delete.html", context)


def _rows(tenant: Any) -> Any:
    return AlertChannel.objects.filter(tenant=tenant).select_related("tenant").defer("secret", "former_secret")


def _channel(request: HttpRequest, channel_id: UUID) -> AlertChannel:
    found: AlertChannel = get_object_or_404(_rows(visits.of(request).tenant), pk=channel_id)
    return found


def _after_saving(request: HttpRequest, channel: AlertChannel, *, has_new_secret: bool) -> HttpResponse:
    """To the list, unless there is a secret to be shown first."""
    if has_new_secret:
        return _revealed(request, channel, channel.secret)
    said = _("“%(name)s” is saved.") % {"name": channel.name}
    if channel.awaits_confirmation:
        error = _ask(request, channel)
        if error is None:
            said = _("“%(name)s” is saved. %(address)s was sent a link: alerts go there once somebody has opened it.")
            messages.success(request, said % {"name": channel.name, "address": channel.target})
        else:
            said = _("“%(name)s” is saved, but the link to confirm the address could not be sent: %(error)s")
            messages.warning(request, said % {"name": channel.name, "error": error})
    else:
        messages.success(request, said)
    return HttpResponseRedirect(reverse("console:billing_alertchannel_changelist"))


def _ask(request: HttpRequest, channel: AlertChannel) -> DeliveryError | None:
    """Send the link to confirm the address; returns what went wrong."""
    try:
        alert_channels.ask_to_confirm(channel, link=confirmation.link_maker(request), now=timezone.now())
    except DeliveryError as error:
        return error
    return None


def _revealed(request: HttpRequest, channel: AlertChannel, secret: str, *, is_rotated: bool = False) -> HttpResponse:
    context = {
        "title": _("Signing secret of “%(name)s”") % {"name": channel.name},
        "channel": channel,
        "secret": secret,
        "is_rotated": is_rotated,
        "hours": alert_channels.OVERLAP.total_seconds() // 3600,
    }
    return console.render(request, "billing/channels/secret.html", context)


def _shown(row: Any, may_change: bool, now: Any) -> dict[str, Any]:
    status = Status(row.last_status) if row.last_status else None
    state, look = _("gets alerts"), "good"
    if not row.is_active:
        state, look = _("switched off"), "critical" if row.off_because else ""
    elif row.awaits_confirmation:
        state, look = _("waits for its address to be confirmed"), "warning"
    elif status == Status.FAILED:
        state, look = _("the last alert could not be delivered"), "critical"
    return {
        "pk": row.pk,
        "name": row.name,
        "icon": ICONS[Kind(row.kind)],
        "kind": NAMES[Kind(row.kind)],
        "target": row.masked_target,
        "from": row.minimum_threshold if row.minimum_threshold > 1 else None,
        "is_new": status is None,
        "state": state,
        "look": look,
        "because": row.off_because,
        "awaits_confirmation": row.awaits_confirmation,
        "is_active": row.is_active,
        "may_change": may_change,
        "last": figures.ago(row.last_at, now) if row.last_at else "",
        "last_exact": figures.exact(timezone.localtime(row.last_at)) if row.last_at else "",
    }


def _hint(channel: AlertChannel, error: DeliveryError | None) -> str:
    """What to do about a failure, where that can be told."""
    if error is None:
        return ""
    text = str(error)
    if "HTTP 401" in text or "HTTP 403" in text:
        return _("The receiver refuses the call: check the address, and whether it lets Tollgate in.")
    if "HTTP 404" in text or "HTTP 410" in text:
        return _("Nobody is at that address any more: copy it anew from the receiver.")
    if "HTTP 3" in text:
        return _("Redirects are not followed: give the address that the redirect leads to.")
    if "public internet" in text:
        return _("Only addresses on the public internet are called, unless the operator opens others.")
    if "did not answer" in text or "cannot be reached" in text:
        return _("Check that the receiver runs and can be reached from outside.")
    if channel.kind == Kind.EMAIL:
        return _("Ask those who operate this Tollgate about the mail server.")
    return ""
