"""Whether prompts and answers are stored, one request's to read, and having them deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import content_policies
from gateway.content import erasing, reading
from gateway.models import ContentPolicy, RequestContent
from tenants import audit
from tenants.management_api.fields import Row, Strict
from tenants.management_api.views import ManagementView, ManagementViewSet


class ContentPolicyRow(Row):
    class Meta:
        model = ContentPolicy
        fields = ["is_on", "tasks", "redacts", "days"]


class PartRow(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="text, thinking, tool_call, tool_result, media or data.")
    text = serializers.CharField()
    name = serializers.CharField()
    reference = serializers.CharField()


class TurnRow(serializers.Serializer[Any]):
    role = serializers.CharField()
    parts = PartRow(many=True)


class ContentRow(serializers.Serializer[Any]):
    request_id = serializers.CharField(source="row")
    accepted_at = serializers.DateTimeField(source="row.accepted_at")
    is_cut = serializers.BooleanField(source="row.is_cut", help_text="It was too long to be stored whole.")
    redactions = serializers.DictField(
        source="row.redactions", child=serializers.IntegerField(), help_text="What was left out before it was stored."
    )
    turns = TurnRow(many=True, help_text="What was asked.")
    answers = TurnRow(many=True, help_text="What was answered.")
    prompt = serializers.CharField(help_text="The request's body as it is stored.")
    answer = serializers.CharField()


class EraseBody(Strict):
    """Exactly one of them."""

    all = serializers.BooleanField(required=False)
    end_user = serializers.CharField(required=False, max_length=200)

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        if len(told) != 1 or told.get("all") is False:
            raise serializers.ValidationError("Say whose content is to be deleted: an end_user's, or all (true).")
        return told


class ErasedRow(serializers.Serializer[Any]):
    deleted = serializers.IntegerField(help_text="Requests whose content was deleted.")


class Policy(ManagementView):
    """Whether prompts and answers are stored, and for how long. A change is in force on the next request."""

    subject = "content"
    basename = "content-policy"
    right = "change"

    @extend_schema(responses=ContentPolicyRow, operation_id="get_content_policy")
    def get(self, request: Request) -> Response:
        return Response(ContentPolicyRow(content_policies.of(self.visit.tenant)).data)

    @extend_schema(request=ContentPolicyRow, responses=ContentPolicyRow, operation_id="change_content_policy")
    def patch(self, request: Request) -> Response:
        policy = content_policies.of(self.visit.tenant)
        body = ContentPolicyRow(policy, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        content_policies.save(body.apply(policy))
        return Response(ContentPolicyRow(policy).data)


class Contents(ManagementViewSet):
    subject = "content"
    model = RequestContent
    serializer_class = ContentRow

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """A request's prompt and answer, if they are stored. That it was read is in the audit trail."""
        found = reading.of(self.visit.tenant.pk, pk)
        if found is None:
            raise Http404
        audit.note(found.row, read="prompt and answer")
        return Response(ContentRow(found).data)

    @extend_schema(request=EraseBody, responses=ErasedRow)
    @action(detail=False, methods=["post"], right="delete")
    def erase(self, request: Request) -> Response:
        """Delete what is stored of an end user, or of everybody. What is still under way is not stored either."""
        told = self.body(EraseBody).validated_data
        return Response({"deleted": erasing.forget(self.visit.tenant, told.get("end_user", ""), timezone.now())})
