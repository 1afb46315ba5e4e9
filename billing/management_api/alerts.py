"""Alert channels, and the alerts themselves to read. A webhook's signing secret is in the answer that made it and nowhere else."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing import alert_channels, confirmation, deliveries, inbox
from billing.alert_channels import Values
from billing.channels import DeliveryError
from billing.models import Alert, AlertChannel, AlertDelivery, Severity
from tenants.management_api.errors import Conflict
from tenants.management_api.fields import Filters, Row
from tenants.management_api.views import Reads, Whole

EDITABLE = ["name", "kind", "target", "minimum_threshold", "minimum_severity", "is_active"]


class ChannelRow(Row):
    """`target` is shown as everybody may see it: of a webhook's address, which often is a secret, where it leads."""

    class Meta:
        model = AlertChannel
        told = ["awaits_confirmation", "off_because", "created_at"]
        fields = ["id", *EDITABLE, *told]
        read_only_fields = ["id", *told]

    def to_representation(self, instance: AlertChannel) -> Any:
        return {**super().to_representation(instance), "target": instance.masked_target}

    def values(self, channel: AlertChannel | None = None) -> Values:
        """What is not given stays, or is as a new channel has it."""
        present = {name: getattr(channel or AlertChannel(), name) for name in EDITABLE}
        return Values(**{**present, **self.validated_data})


class ChannelMade(ChannelRow):
    secret = serializers.CharField(read_only=True, help_text="Of a signed webhook: shown this once. Empty for others.")

    class Meta(ChannelRow.Meta):
        fields = [*ChannelRow.Meta.fields, "secret"]


class ChannelFilters(Filters):
    kind = serializers.ChoiceField(AlertChannel.Kind.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class TestResult(serializers.Serializer[Any]):
    sent = serializers.ChoiceField(["test_alert", "confirmation_link"])
    is_taken = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)


class DeliveryRow(serializers.ModelSerializer[AlertDelivery]):
    class Meta:
        model = AlertDelivery
        fields = ["id", "channel", "notice", "status", "attempts", "delivered_at", "next_attempt_at", "errors"]


class Channels(Whole):
    """An e-mail address is sent a link when it is made, and gets alerts once somebody there has opened it."""

    subject = "channels"
    model = AlertChannel
    serializer_class = ChannelRow
    filters = ChannelFilters

    def rows(self) -> Any:
        return super().rows().select_related("tenant").defer("secret", "former_secret")

    @extend_schema(responses={201: ChannelMade})
    def create(self, request: Request) -> Response:
        return super().create(request)

    def add(self, body: Any) -> AlertChannel:
        channel = alert_channels.create(self.visit.tenant, body.values())
        self._ask(channel)
        return channel

    def shown_made(self, row: AlertChannel) -> Any:
        return {**self.shown(row), "secret": row.secret}

    def change(self, row: AlertChannel, body: Any) -> None:
        alert_channels.change(row, body.values(row), now=timezone.now())
        self._ask(row)

    def remove(self, row: AlertChannel) -> None:
        row.delete()

    @extend_schema(request=None, responses=TestResult)
    @action(detail=True, methods=["post"], right="change")
    def test(self, request: Request, pk: Any) -> Response:
        """Really send a test alert; to an address that is not confirmed, the link again. 200 also where it is not taken."""
        channel = self.own()
        if channel.awaits_confirmation:
            return Response(self._tested("confirmation_link", self._ask(channel)))
        error = deliveries.send_trials([channel.pk], timezone.now()).get(channel.pk)
        return Response(self._tested("test_alert", error))

    def _tested(self, sent: str, error: DeliveryError | None) -> dict[str, Any]:
        return {"sent": sent, "is_taken": error is None, "error": str(error or "")}

    @extend_schema(request=None, responses={201: ChannelMade})
    @action(detail=True, methods=["post"], url_path="rotate-secret", right="change")
    def rotate_secret(self, request: Request, pk: Any) -> Response:
        """Another signing secret, shown this once. For a day messages are signed with the former one as well."""
        channel = self.own()
        if channel.kind != AlertChannel.Kind.WEBHOOK:
            raise Conflict(_("Only signed webhooks have a secret."))
        secret = alert_channels.rotate_secret(channel, now=timezone.now())
        return Response({**self.shown(self.row()), "secret": secret}, status=201)

    @extend_schema(request=None, responses=DeliveryRow)
    @action(detail=True, methods=["post"], url_path="deliveries/<uuid:delivery_id>/resend", right="change")
    def resend(self, request: Request, pk: Any, delivery_id: Any) -> Response:
        """Try an alert's delivery to it anew, from the first attempt on. One that is on its way anyway stays so."""
        channel = self.own()
        delivery = get_object_or_404(
            AlertDelivery.objects.filter(tenant=self.visit.tenant, channel=channel), pk=delivery_id
        )
        delivery.channel = channel
        try:
            deliveries.resend(delivery, timezone.now())
        except deliveries.SwitchedOff as error:
            raise Conflict(str(error)) from error
        delivery.refresh_from_db(fields=["status", "attempts", "next_attempt_at"])
        return Response(DeliveryRow(delivery).data)

    def _ask(self, channel: AlertChannel) -> DeliveryError | None:
        """Send an unconfirmed address its link. That it cannot be sent is no reason to refuse the channel: it can be asked again."""
        if not channel.awaits_confirmation:
            return None
        link = confirmation.link_maker(self.request._request)
        try:
            alert_channels.ask_to_confirm(channel, link=link, now=timezone.now())
        except DeliveryError as error:
            return error
        return None


class AlertRow(serializers.ModelSerializer[Alert]):
    deliveries = DeliveryRow(many=True)

    class Meta:
        model = Alert
        exclude = ["tenant", "data", "source"]


class AlertFilters(Filters):
    is_going_on = serializers.BooleanField(required=False)
    kind = serializers.ChoiceField(Alert.Kind.choices, required=False)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    budget = serializers.UUIDField(source="budget_id", required=False)
    since = serializers.DateTimeField(source="crossed_at__gte", required=False)


class Alerts(Reads):
    subject = "alerts"
    model = Alert
    serializer_class = AlertRow
    filters = AlertFilters

    def rows(self) -> Any:
        return inbox.of(self.visit.tenant)

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        is_going_on = told.pop("is_going_on", None)
        if is_going_on is not None:
            on = inbox.going_on(timezone.now())
            rows = rows.filter(on) if is_going_on else rows.exclude(on)
        return super().filtered(rows, told)
