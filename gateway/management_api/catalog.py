"""Providers and models. A provider's credential is written and never read; the operator's models are there to look at."""

from __future__ import annotations

from typing import Any

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import catalog, connections, probe_words
from gateway.models import Model, Provider
from tenants.encryption import UndecryptableError
from tenants.management_api.fields import Filters, Row, Strict
from tenants.management_api.views import Whole


class ProviderRow(Row):
    credential = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=4000,
        help_text="The provider's API key: encrypted at rest, never shown again. Left out of a change, it stays as it is.",
    )

    class Meta:
        model = Provider
        told = ["credential_hint", "tested_at", "test_fault", "created_at"]
        fields = ["id", "name", "kind", "base_url", "is_active", "credential", *told]
        read_only_fields = ["id", *told]


class ProviderFilters(Filters):
    name = serializers.CharField(required=False)
    kind = serializers.ChoiceField(Provider.Kind.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class Trial(Strict):
    model = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=200,
        help_text="The provider's name of a model: it is asked for an answer.",
    )


class TrialResult(serializers.Serializer[Any]):
    works = serializers.BooleanField()
    fault = serializers.CharField(allow_blank=True, help_text="Empty, or what is wrong in one word.")
    title = serializers.CharField(allow_blank=True)
    advice = serializers.CharField(allow_blank=True)
    said = serializers.CharField(allow_blank=True, help_text="The provider's own words, without keys.")
    models = serializers.ListField(child=serializers.CharField(), help_text="As the provider calls them.")


class Providers(Whole):
    subject = "providers"
    model = Provider
    serializer_class = ProviderRow
    filters = ProviderFilters

    def rows(self) -> Any:
        return super().rows().defer("credential")

    def add(self, body: Any) -> Provider:
        provider: Provider = body.apply(Provider(tenant=self.visit.tenant))
        connections.add(provider)
        return provider

    @sensitive_variables("body")
    def change(self, row: Provider, body: Any) -> None:
        is_new = "credential" in body.validated_data
        try:
            _present = row.credential
        except UndecryptableError:  # the audit trail reads what is being replaced
            if not is_new:
                raise
            Provider.objects.filter(pk=row.pk).update(credential="")
            row.credential = ""
        connections.change(body.apply(row), has_new_credential=is_new)

    def remove(self, row: Provider) -> None:
        connections.remove(row)

    @extend_schema(request=Trial, responses=TrialResult)
    @action(detail=True, methods=["post"], right="change")
    def test(self, request: Request, pk: Any) -> Response:
        """Really call it, for up to ten seconds, and say what is wrong: 200 also where it does not work."""
        provider = self.own()
        report = connections.try_out(provider, model=self.body(Trial).validated_data["model"])
        why = probe_words.explained(report, kind=provider.kind, base_url=provider.effective_base_url)
        told = {
            "works": report.fault is None,
            "fault": report.fault.value if report.fault is not None else "",
            "title": str(why.title) if why else "",
            "advice": str(why.advice) if why else "",
            "said": report.said,
            "models": [item.id for item in report.models],
        }
        return Response(told)


class ModelRow(Row):
    is_own = serializers.SerializerMethodField(
        help_text="Of this tenant. The others are the operator's, for everybody."
    )
    capabilities = serializers.ListField(child=serializers.ChoiceField(Model.Capability.choices), min_length=1)

    class Meta:
        model = Model
        exclude = ["tenant"]
        read_only_fields = ["id", "created_at"]

    def get_is_own(self, model: Model) -> bool:
        return model.tenant_id is not None


class ModelFilters(Filters):
    name = serializers.CharField(required=False)
    provider = serializers.UUIDField(source="provider_id", required=False)
    is_own = serializers.BooleanField(source="tenant__isnull", required=False)
    is_active = serializers.BooleanField(required=False)


class Models(Whole):
    subject = "models"
    model = Model
    is_shared = True
    serializer_class = ModelRow
    filters = ModelFilters

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "tenant__isnull" in told:
            told["tenant__isnull"] = not told["tenant__isnull"]
        return super().filtered(rows, told)

    def add(self, body: Any) -> Model:
        model: Model = body.apply(Model(tenant=self.visit.tenant))
        catalog.save(model, within=self.visit.tenant)
        return model

    def change(self, row: Model, body: Any) -> None:
        catalog.save(body.apply(row), within=self.visit.tenant)

    def remove(self, row: Model) -> None:
        catalog.remove(row)
