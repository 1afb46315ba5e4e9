"""The tenant's own settings, and its single sign-on. What operators say of a tenant is shown and not taken."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import sso_connections, tenant_settings
from tenants.accounts import single_sign_on
from tenants.console import addresses
from tenants.management_api.errors import Conflict
from tenants.management_api.fields import Row
from tenants.management_api.views import One
from tenants.models import SsoConnection, Tenant
from tenants.roles import Role


class TenantRow(Row):
    class Meta:
        model = Tenant
        told = ["slug", "log_days", "is_active", "created_at"]
        fields = ["id", *tenant_settings.EDITABLE, *told]
        read_only_fields = ["id", *told]


class Settings(One):
    """Name and time zone. The operator says the rest."""

    subject = "tenant"
    model = Tenant
    serializer_class = TenantRow

    def rows(self) -> Any:
        return Tenant.objects.filter(pk=self.visit.tenant.pk)

    def change(self, row: Tenant, body: Any) -> None:
        tenant_settings.change(row, **body.validated_data)


class SsoRow(Row):
    domains = serializers.ListField(child=serializers.CharField(max_length=120), min_length=1)
    joins_as = serializers.ChoiceField(
        [choice for choice in Role.choices if choice[0] != Role.OWNER],
        required=False,
        allow_blank=True,
        help_text="The role of those who come by themselves. Empty: one has to be invited.",
    )
    client_secret = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="Encrypted at rest, never shown again. Left out of a change, it stays as it is; with another issuer it has to be sent.",
    )
    callback = serializers.SerializerMethodField(help_text="The redirect URI that the provider is to be told.")

    class Meta:
        model = SsoConnection
        editable = ["name", "issuer", "client_id", "client_secret", "domains", "joins_as", "is_required", "is_active"]
        told = ["approved_domains", "callback", "created_at"]
        fields = ["id", *editable, *told]
        read_only_fields = ["id", *told]

    def get_callback(self, row: SsoConnection) -> str:
        return addresses.outside("openid_connect_callback", row.provider_id)


class SsoSaved(SsoRow):
    problems = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="What is wrong with the provider, which is asked at once. It is saved all the same.",
    )

    class Meta(SsoRow.Meta):
        fields = [*SsoRow.Meta.fields, "problems"]


class SingleSignOn(One):
    """The identity provider. Its domains count once an operator has approved them."""

    subject = "sso"
    model = SsoConnection
    serializer_class = SsoRow

    def rows(self) -> Any:
        return super().rows().defer("client_secret")

    @extend_schema(responses={201: SsoSaved})
    @sensitive_variables("body", "secret")
    def create(self, request: Request) -> Response:
        body = self.body()
        if self.get_queryset().exists():
            raise Conflict(_("A tenant has one. Change that, or delete it first."))
        secret = body.validated_data.pop("client_secret", "")
        row: SsoConnection = body.apply(SsoConnection(tenant=self.visit.tenant))
        sso_connections.save(row, new_secret=secret)
        return Response(self._saved(row), status=201)

    @extend_schema(responses=SsoSaved)
    @sensitive_variables("body", "secret")
    def partial_update(self, request: Request) -> Response:
        row = self.one()
        body = self.body(row=row)
        secret = body.validated_data.pop("client_secret", "")
        sso_connections.save(body.apply(row), new_secret=secret)
        return Response(self._saved(row))

    def destroy(self, request: Request) -> Response:
        self.one().delete()
        return Response(status=204)

    def _saved(self, row: SsoConnection) -> dict[str, Any]:
        return {**self.shown(row), "problems": list(single_sign_on.check(row).problems)}
