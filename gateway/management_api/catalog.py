"""Providers and models, and how models' circuit breakers stand. A provider's credential is written and never read; the operator's models
are there to look at.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import catalog, connections, known_models, probe_words
from gateway.admin import breakers, prices
from gateway.known_models import Proposal
from gateway.models import Model, Provider
from gateway.probes import Report
from gateway.resilience.breaker_states import BreakerState
from gateway.resilience.breakers import CLOSED, HALF_OPEN, OPEN
from tenants.encryption import UndecryptableError
from tenants.management_api.errors import Unavailable
from tenants.management_api.fields import Filters, IsOwn, Money, Row, Strict
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


class Offer(serializers.Serializer[Any]):
    """A model that a provider lists. What nobody knows is null."""

    upstream_id = serializers.CharField(help_text="As the provider calls it.")
    title = serializers.CharField(allow_blank=True)
    name = serializers.CharField(help_text="Under which it would stand in the catalog.")
    capabilities = serializers.ListField(child=serializers.ChoiceField(Model.Capability.choices))
    context_window = serializers.IntegerField(allow_null=True)
    max_output_tokens = serializers.IntegerField(allow_null=True)
    price_ref = serializers.CharField(allow_blank=True)
    input_usd_per_mtok = Money(
        allow_null=True, help_text="Of a million tokens. Null: enter a price, or requests are refused."
    )
    output_usd_per_mtok = Money(allow_null=True)
    is_added = serializers.BooleanField(help_text="Applications may name it already.")


class OfferResult(TrialResult):
    models = Offer(many=True)  # type: ignore[assignment]  # what the trial names, in full


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
        return Response({**_outcome(provider, report), "models": [item.id for item in report.models]})

    @extend_schema(request=None, responses=OfferResult)
    @action(detail=True, methods=["post"], url_path="list-models", right="change")
    def list_models(self, request: Request, pk: Any) -> Response:
        """Really ask it which models it has, for up to ten seconds, with what is known of each: what `POST models` takes to add one.

        200 also where it does not work.
        """
        provider = self.own()
        report = connections.try_out(provider)
        added = {model.effective_upstream_id for model in Model.objects.filter(provider=provider)}
        now = timezone.now()
        proposals = [
            known_models.propose(item, kind=provider.kind, base_url=provider.effective_base_url, at=now)
            for item in report.models
        ]
        told = [_offer(item, is_added=item.upstream_id in added) for item in proposals if item.is_text]
        return Response({**_outcome(provider, report), "models": told})


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


class BreakerRow(serializers.Serializer[Any]):
    """How a model's circuit breaker stands. What is not known, or not this tenant's to know, is null."""

    model = serializers.UUIDField()
    name = serializers.CharField()
    setting = serializers.ChoiceField(
        Model.Breaker.choices, help_text="The model's `breaker`: by itself, or held by hand."
    )
    state = serializers.ChoiceField(
        [(state, state) for state in (CLOSED, OPEN, HALF_OPEN)], help_text="By itself, whatever it is held at."
    )
    since = serializers.DateTimeField(allow_null=True, help_text="Null: it has not opened in the last hour.")
    probe_seconds = serializers.FloatField(help_text="Until an open one is probed.")
    well = serializers.IntegerField(
        allow_null=True, help_text="Calls of the last 30 s, while it is closed; of own models only."
    )
    badly = serializers.IntegerField(allow_null=True)
    p95_first_byte_ms = serializers.FloatField(allow_null=True)
    p95_whole_ms = serializers.FloatField(allow_null=True)


class Breakers(serializers.Serializer[Any]):
    results = BreakerRow(many=True)


class ModelFilters(Filters):
    name = serializers.CharField(required=False)
    provider = serializers.UUIDField(source="provider_id", required=False)
    is_own = IsOwn(required=False)
    is_active = serializers.BooleanField(required=False)


class Models(Whole):
    subject = "models"
    model = Model
    is_shared = True
    serializer_class = ModelRow
    filters = ModelFilters

    def add(self, body: Any) -> Model:
        model: Model = body.apply(Model(tenant=self.visit.tenant))
        catalog.save(model, within=self.visit.tenant)
        return model

    def change(self, row: Model, body: Any) -> None:
        catalog.save(body.apply(row), within=self.visit.tenant)

    def remove(self, row: Model) -> None:
        catalog.remove(row)

    @extend_schema(responses=Breakers)
    @action(detail=False, methods=["get"])
    def breakers(self, request: Request) -> Response:
        """How the circuit breakers of all models in use stand. One is held open or closed by changing its model's `breaker`."""
        models = list(self.get_queryset().filter(is_active=True, provider__is_active=True).select_related("provider"))
        states = breakers.states_of(models)
        if states is None:
            raise Unavailable(_("Redis does not answer just now."))
        return Response({"results": [_breaker(model, states[model.pk]) for model in models]})


def _outcome(provider: Provider, report: Report) -> dict[str, Any]:
    why = probe_words.explained(report, kind=provider.kind, base_url=provider.effective_base_url)
    return {
        "works": report.fault is None,
        "fault": report.fault.value if report.fault is not None else "",
        "title": str(why.title) if why else "",
        "advice": str(why.advice) if why else "",
        "said": report.said,
    }


def _offer(proposal: Proposal, *, is_added: bool) -> dict[str, Any]:
    price = proposal.price
    shown = Offer(
        {
            "upstream_id": proposal.upstream_id,
            "title": proposal.title,
            "name": proposal.name,
            "capabilities": sorted(proposal.capabilities),
            "context_window": proposal.context_window,
            "max_output_tokens": proposal.max_output_tokens,
            "price_ref": proposal.price_ref,
            "input_usd_per_mtok": _usd_per_mtok(price.base.input) if price is not None else None,
            "output_usd_per_mtok": _usd_per_mtok(price.base.output) if price is not None else None,
            "is_added": is_added,
        }
    )
    told: dict[str, Any] = shown.data
    return told


def _usd_per_mtok(picodollars: int) -> Decimal:
    return Decimal(picodollars) / prices.PICO_PER_USD_MTOK


def _breaker(model: Model, state: BreakerState) -> dict[str, Any]:
    may_count = model.tenant_id is not None and state.state == CLOSED  # the operator's models count all tenants' calls
    told: dict[str, Any] = BreakerRow(
        {
            "model": model.pk,
            "name": model.name,
            "setting": model.breaker,
            "state": state.state,
            "since": state.since,
            "probe_seconds": state.probe_seconds,
            "well": state.well if may_count else None,
            "badly": state.badly if may_count else None,
            "p95_first_byte_ms": state.p95_first_byte_ms,
            "p95_whole_ms": state.p95_whole_ms,
        }
    ).data
    return told
