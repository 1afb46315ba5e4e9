"""Cache policies, and having cached answers forgotten."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import purging
from gateway.models import CachePolicy, Task
from gateway.stores.cache import Purge
from tenants.management_api.errors import Unavailable
from tenants.management_api.fields import Filters, Row, Strict
from tenants.management_api.views import Whole
from tenants.models import ApiKey

logger = logging.getLogger(__name__)


class PolicyRow(Row):
    class Meta:
        model = CachePolicy
        exclude = ["tenant"]
        read_only_fields = ["id"]


class PolicyFilters(Filters):
    task = serializers.UUIDField(source="task_id", required=False)
    is_active = serializers.BooleanField(required=False)


class PurgeBody(Strict):
    """Exactly one of them."""

    all = serializers.BooleanField(required=False)
    task = serializers.SlugField(required=False, help_text="A task's slug.")
    key = serializers.UUIDField(required=False, help_text="An API key's id.")
    tag = serializers.CharField(required=False, max_length=64)
    end_user = serializers.CharField(required=False, max_length=200, help_text="As your application names them.")

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        if len(told) != 1 or told.get("all") is False:
            raise serializers.ValidationError(
                "Say what is to be forgotten: all (true), a task, a key, a tag or an end user; one of them."
            )
        tenant = self.context["view"].visit.tenant
        if "task" in told and not Task.objects.filter(Q(tenant=None) | Q(tenant=tenant), slug=told["task"]).exists():
            raise serializers.ValidationError({"task": _("There is no such task.")})
        if "key" in told and not ApiKey.objects.filter(tenant=tenant, pk=told["key"]).exists():
            raise serializers.ValidationError({"key": _("There is no such API key.")})
        return told


class CachePolicies(Whole):
    subject = "caches"
    model = CachePolicy
    serializer_class = PolicyRow
    filters = PolicyFilters

    def add(self, body: Any) -> CachePolicy:
        policy: CachePolicy = body.apply(CachePolicy(tenant=self.visit.tenant))
        policy.full_clean()
        policy.save()
        return policy

    def change(self, row: CachePolicy, body: Any) -> None:
        policy = body.apply(row)
        policy.full_clean()
        policy.save()

    def remove(self, row: CachePolicy) -> None:
        row.delete()

    @extend_schema(request=PurgeBody, responses={204: None})
    @action(detail=False, methods=["post"], right="change")
    def purge(self, request: Request) -> Response:
        """From now on no answer of it is given again."""
        told = self.body(PurgeBody).validated_data
        ((kind, subject),) = told.items()
        what = Purge(kind, "" if kind == "all" else subject.hex if isinstance(subject, UUID) else subject)
        try:
            purging.purge(self.visit.tenant, what, said="everything" if kind == "all" else f"{kind} {subject}")
        except RedisError as error:
            logger.exception("the cache of tenant %s could not be purged", self.visit.tenant.pk)
            raise Unavailable(_("Redis does not answer just now. Nothing was purged.")) from error
        return Response(status=204)
