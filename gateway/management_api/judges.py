"""Judges of tasks' answers. What they may cost is set in the console."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gateway import judge_policies
from gateway.models import JudgePolicy
from tenants.management_api.fields import Filters, Row
from tenants.management_api.views import Whole


class JudgeRow(Row):
    class Meta:
        model = JudgePolicy
        exclude = ["tenant"]
        read_only_fields = ["id"]


class JudgeFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False)


class Judges(Whole):
    subject = "judges"
    model = JudgePolicy
    serializer_class = JudgeRow
    filters = JudgeFilters

    def add(self, body: Any) -> JudgePolicy:
        policy: JudgePolicy = body.apply(JudgePolicy(tenant=self.visit.tenant))
        judge_policies.save(policy)
        return policy

    def change(self, row: JudgePolicy, body: Any) -> None:
        judge_policies.save(body.apply(row))

    def remove(self, row: JudgePolicy) -> None:
        row.delete()
