"""API keys of applications. A secret is in the answer to the POST that made it, and nowhere afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import key_checks
from tenants import api_keys
from tenants.management_api.fields import Filters, Row, Strict
from tenants.management_api.views import Changes, Creates, Reads
from tenants.models import ApiKey, ApiKeySecret

STATES = ("active", "expired", "revoked")
MOST_HOURS = int(api_keys.LONGEST_OVERLAP.total_seconds() // 3600)
USUAL_HOURS = int(api_keys.DEFAULT_OVERLAP.total_seconds() // 3600)


class SecretRow(serializers.ModelSerializer[ApiKeySecret]):
    class Meta:
        model = ApiKeySecret
        fields = ["id", "prefix", "created_at", "last_used_at", "ends_at"]
        read_only_fields = fields


class KeyRow(Row):
    scopes = serializers.ListField(
        child=serializers.ChoiceField(ApiKey.Scope.choices), min_length=1, help_text="What the key may do."
    )
    state = serializers.SerializerMethodField()
    secrets = serializers.SerializerMethodField(help_text="Those that are accepted: the present one, and former ones.")

    class Meta:
        model = ApiKey
        editable = [
            "name", "scopes", "allowed_models", "allowed_tasks", "usd_per_month", "tokens_per_month",
            "requests_per_minute", "tokens_per_minute", "max_concurrency", "expires_at",
        ]  # fmt: skip
        told = ["state", "secrets", "prefix", "last_used_at", "revoked_at", "created_by", "created_at"]
        fields = ["id", *editable, *told]
        read_only_fields = ["id", *told]

    def get_state(self, key: ApiKey) -> str:
        return "revoked" if key.revoked_at else "active" if key.is_usable else "expired"

    @extend_schema_field(SecretRow(many=True))
    def get_secrets(self, key: ApiKey) -> Any:
        return SecretRow([item for item in key.secrets.all() if item.is_accepted()], many=True).data

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        """As the form does: names that the key had already may be gone since."""
        tenant_id, row = self.context["view"].visit.tenant.pk, self.instance
        found = {
            "allowed_models": key_checks.unknown_models(tenant_id, _new(told, "allowed_models", row)),
            "allowed_tasks": key_checks.unknown_tasks(tenant_id, _new(told, "allowed_tasks", row)),
        }
        if told.get("expires_at") is not None and told["expires_at"] != getattr(row, "expires_at", None):
            why = key_checks.past_expiry(told["expires_at"], timezone.now())
            found["expires_at"] = [why] if why else []
        wrong = {field: texts for field, texts in found.items() if texts}
        if wrong:
            raise serializers.ValidationError(wrong)
        return told


class KeyMade(KeyRow):
    secret = serializers.CharField(read_only=True, help_text="Shown this once; only its hash is stored.")

    class Meta(KeyRow.Meta):
        fields = [*KeyRow.Meta.fields, "secret"]


class Rotation(Strict):
    overlap_hours = serializers.IntegerField(
        default=USUAL_HOURS,
        min_value=0,
        max_value=MOST_HOURS,
        help_text="How long the former secret is accepted besides; 0: it is refused at once.",
    )
    seen = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="The prefix of the secret that is to be replaced, so that it is replaced once.",
    )


class KeyFilters(Filters):
    state = serializers.ChoiceField([(state, state) for state in STATES], required=False)
    name = serializers.CharField(source="name__icontains", required=False)
    prefix = serializers.CharField(source="secrets__prefix", required=False)


class Keys(Reads, Creates, Changes):
    """Revoked, never deleted: the request log goes on naming them."""

    subject = "keys"
    model = ApiKey
    serializer_class = KeyRow
    filters = KeyFilters

    def rows(self) -> Any:
        return super().rows().filter(kind=ApiKey.Kind.APPLICATION).prefetch_related("secrets")

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        over = Q(expires_at__lte=timezone.now())
        states = {
            "active": Q(~over | Q(expires_at=None), revoked_at=None),
            "expired": Q(over, revoked_at=None),
            "revoked": Q(revoked_at__isnull=False),
        }
        state = told.pop("state", "")
        return super().filtered(rows, told).filter(states.get(state, Q())).distinct()

    @extend_schema(responses={201: KeyMade})
    def create(self, request: Request) -> Response:
        body = self.body()
        made = api_keys.create(self.visit.tenant, created_by=self.person, **body.validated_data)
        return Response(self._revealed(made), status=201)

    def change(self, row: ApiKey, body: Any) -> None:
        api_keys.change(body.apply(row))

    @extend_schema(request=Rotation, responses={201: KeyMade})
    @action(detail=True, methods=["post"], right="change")
    def rotate(self, request: Request, pk: Any) -> Response:
        """Another secret, shown this once. The former one is accepted for a while, so that nothing fails meanwhile."""
        key = self.own()
        told = self.body(Rotation).validated_data
        made = api_keys.rotate(
            key, overlap=dt.timedelta(hours=told["overlap_hours"]), rotated_by=self.person, seen=told["seen"]
        )
        return Response(self._revealed(made), status=201)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], right="change")
    def revoke(self, request: Request, pk: Any) -> Response:
        """Refuse it from the next request on, whichever secret is sent. Again changes nothing."""
        api_keys.revoke(self.own())
        return Response(self.shown(self.row()))

    @extend_schema(request=None, responses=KeyRow)
    @action(detail=True, methods=["post"], url_path="secrets/<uuid:secret_id>/end", right="change")
    def end_secret(self, request: Request, pk: Any, secret_id: Any) -> Response:
        """Refuse a former secret before its time."""
        secret = self.own().secrets.filter(pk=secret_id).first()
        if secret is None:
            raise Http404
        api_keys.end_secret(secret)
        return Response(self.shown(self.row()))

    def _revealed(self, made: api_keys.RevealedKey) -> dict[str, Any]:
        self.kwargs["pk"] = made.api_key.pk
        return {**self.shown(self.row()), "secret": made.secret}


def _new(told: dict[str, Any], field: str, row: ApiKey | None) -> list[str]:
    had = getattr(row, field, [])
    return [name for name in told.get(field, []) if name not in had]
