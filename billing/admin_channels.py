"""The channels that alerts go to, on the operators' pages. A tenant's own people have theirs in the console (`billing.pages.channels`)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from billing import alert_channels, alert_messages, confirmation, deliveries
from billing.admin_alerts import STATUS_COLOURS
from billing.channels import DeliveryError
from billing.models import AlertChannel, AlertDelivery
from tenants import outbound, sites
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin, WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.encryption import UndecryptableError

Kind, Status = AlertChannel.Kind, AlertDelivery.Status


class AlertChannelForm(WholeRowForm):
    """`signing_secret` stands for the row's secret, which may be one that no key opens."""

    signing_secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false", "class": "tg-mono"}),
        help_text=_(
            "Of a signed webhook: whsec_… The receiver checks signatures with it. Made for you when left empty."
        ),
    )

    class Meta:
        model = AlertChannel
        fields = ["tenant", "name", "kind", "target", "minimum_threshold", "minimum_severity", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_lost_secret = False
        if self.instance._state.adding:
            return
        try:
            self.initial["signing_secret"] = self.instance.secret
        except UndecryptableError:
            self.has_lost_secret = True
            self.instance.secret = ""

    @sensitive_variables("given")
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        given = cleaned.get("signing_secret", "").strip()
        self.instance.secret = given if cleaned.get("kind") == Kind.WEBHOOK else ""
        return cleaned

    def _post_clean(self) -> None:
        """Once the address is one: whether it may be called."""
        super()._post_clean()  # type: ignore[misc]
        is_new = self.instance._state.adding or {"target", "kind"}.intersection(self.changed_data)
        if is_new and self.instance.kind in (Kind.WEBHOOK, Kind.SLACK) and not self.has_error("target"):
            try:
                outbound.check(self.instance.target)
            except outbound.Refused as error:
                self.add_error("target", str(error))

    def add_error(self, field: str | None, error: Any) -> None:
        """What the row says about its secret stands beside the input it was entered in."""
        by_field = getattr(error, "error_dict", None)
        if by_field and "secret" in by_field:
            by_field["signing_secret"] = by_field.pop("secret")
        super().add_error(field, error)


@sites.register(AlertChannel, in_console=False)
class AlertChannelAdmin(TenantScopedAdmin):
    subject = "channels"
    form = AlertChannelForm
    deletion_hint = _("Switch the channel off instead, and what it was sent stays to be seen.")
    list_display = ["name", "tenant", "kind_shown", "target_shown", "from_threshold", "last_delivery", "is_active"]
    list_display_links = ["name"]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter, ("kind", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["name", "tenant__name"]
    search_help_text = _("Name or tenant")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["target_shown", "last_delivery", "confirmed_at", "off_because", "created_at"]
    actions = ["send_test_to_selected"]
    change_form_template = "billing/alerts/channel_form.html"
    conditional_fields = {"signing_secret": "kind == 'webhook'"}
    which = (
        _("What is sent"),
        {
            "fields": ["minimum_threshold", "minimum_severity", "is_active"],
            "description": _("Every budget alerts at 100 %, and at the percentages set on it."),
        },
    )
    add_fieldsets = [(None, {"fields": ["tenant", "name", "kind", "target", "signing_secret"]}), which]
    fieldsets = [
        *add_fieldsets,
        (_("Record"), {"fields": ["last_delivery", "confirmed_at", "off_because", "created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChannel]:
        channels: QuerySet[AlertChannel] = super().get_queryset(request)
        last = AlertDelivery.objects.filter(channel=OuterRef("pk")).order_by("-id")
        return channels.defer("secret", "former_secret").annotate(last_status=Subquery(last.values("status")[:1]))

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        if form.has_lost_secret:  # the audit trail reads what is being replaced
            AlertChannel.objects.filter(pk=obj.pk).update(secret="", former_secret="")
            obj.former_secret = ""
        changed = set(form.changed_data) if change else set()
        if changed & {"target", "kind"}:
            alert_channels.forget_confirmation(obj)
        if "is_active" in changed and obj.is_active:
            alert_channels.note_on_again(obj, timezone.now())
        super().save_model(request, obj, form, change)
        if obj.awaits_confirmation:
            self._ask_to_confirm(request, obj)

    def _ask_to_confirm(self, request: HttpRequest, channel: AlertChannel) -> None:
        """Also an address that an operator has entered is somebody's, who is asked first."""
        try:
            alert_channels.ask_to_confirm(channel, link=confirmation.link_maker(request), now=timezone.now())
        except DeliveryError as error:
            self.message_user(request, str(error), messages.WARNING)
        else:
            text = _("%(address)s was sent a link: alerts go there once somebody has opened it.")
            self.message_user(request, text % {"address": channel.target}, messages.INFO)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return sensitive_post_parameters("signing_secret", "target")(super().changeform_view)(request, *args, **kwargs)

    @display(description=_("Kind"), ordering="kind")
    def kind_shown(self, channel: AlertChannel) -> str:
        return badge({Kind.EMAIL: _("E-mail"), Kind.WEBHOOK: _("Webhook"), Kind.SLACK: _("Slack")}[Kind(channel.kind)])

    @display(description=_("Target"))
    def target_shown(self, channel: AlertChannel) -> str:
        return channel.masked_target

    @display(description=_("From"), ordering="minimum_threshold")
    def from_threshold(self, channel: AlertChannel) -> str:
        return f"{channel.minimum_threshold} %"

    @display(description=_("Last delivery"))
    def last_delivery(self, channel: Any) -> str:
        if channel.last_status is None:
            return str(_("none yet"))
        return badge(Status(channel.last_status).label, STATUS_COLOURS[Status(channel.last_status)])

    @admin.action(description=_("Send a test alert"), permissions=["change"])
    def send_test_to_selected(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        self._send_test(request, [channel for channel in queryset if self.has_change_permission(request, channel)])

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.test_view)
        return [path("<path:object_id>/test/", view, name="billing_alertchannel_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST sends."""
        channel = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, channel):
            raise PermissionDenied
        page_url = reverse("admin:billing_alertchannel_change", args=[channel.pk])
        if request.method == "POST":
            self._send_test(request, [channel])
            return HttpResponseRedirect(page_url)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send a test alert?"),
            "opts": self.opts,
            "channel": channel,
            "target": self.target_shown(channel),
            "text": alert_messages.trial(channel, channel.pk, timezone.now()).text,
            "cancel_url": page_url,
        }
        return TemplateResponse(request, "billing/alerts/test_channel.html", context)

    def _send_test(self, request: HttpRequest, channels: list[AlertChannel]) -> None:
        results = deliveries.send_trials([channel.pk for channel in channels], timezone.now())
        for channel in channels:
            error = results.get(channel.pk)
            if error is None:
                text = _("“%(name)s” took the test alert.") % {"name": channel.name}
                self.message_user(request, text, messages.SUCCESS)
            else:
                text = _("“%(name)s” did not take the test alert: %(error)s") % {"name": channel.name, "error": error}
                self.message_user(request, text, messages.ERROR)
