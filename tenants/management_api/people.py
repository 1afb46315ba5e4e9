"""Members and invitations, and end users."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import end_users, invitations, memberships
from tenants.management_api.errors import Conflict, Unavailable
from tenants.management_api.fields import Filters, Row
from tenants.management_api.views import Changes, Creates, Deletes, Reads, Whole
from tenants.memberships import LastOwner
from tenants.models import EndUser, Invitation, Membership
from tenants.roles import Role


class MemberRow(Row):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.get_full_name", read_only=True)
    role = serializers.ChoiceField(Role.choices)

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "created_at"]
        read_only_fields = ["id", "created_at"]


class MemberFilters(Filters):
    role = serializers.ChoiceField(Role.choices, required=False)
    email = serializers.EmailField(source="user__email__iexact", required=False)


class Members(Reads, Changes, Deletes):
    subject = "members"
    model = Membership
    serializer_class = MemberRow
    filters = MemberFilters

    def rows(self) -> Any:
        return super().rows().select_related("user")

    def change(self, row: Membership, body: Any) -> None:
        try:
            memberships.change_role(row, Role(body.validated_data.get("role", row.role)))
        except LastOwner as error:
            raise Conflict(str(error)) from error

    def remove(self, row: Membership) -> None:
        try:
            memberships.remove(row)
        except LastOwner as error:
            raise Conflict(str(error)) from error


class InvitationRow(Row):
    role = serializers.ChoiceField(Role.choices, default=Role.DEVELOPER)

    class Meta:
        model = Invitation
        told = ["created_at", "sent_at", "expires_at", "accepted_at", "revoked_at"]
        fields = ["id", "email", "role", *told]
        read_only_fields = ["id", *told]


class InvitationFilters(Filters):
    is_open = serializers.BooleanField(required=False)


class Invitations(Reads, Creates, Deletes):
    """Sent by mail: whoever reads it there may join. To delete one is to revoke it."""

    subject = "members"
    model = Invitation
    serializer_class = InvitationRow
    filters = InvitationFilters

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "is_open" not in told:
            return rows
        asked = {"accepted_at": None, "revoked_at": None}
        return rows.filter(**asked) if told["is_open"] else rows.exclude(**asked)

    def add(self, body: Any) -> Invitation:
        told = body.validated_data
        try:
            return invitations.invite(
                self.visit.tenant,
                email=told["email"],
                role=Role(told["role"]),
                invited_by=self.person,
                base_url=self.request.build_absolute_uri("/"),
            )
        except OSError as error:  # smtplib's are, too
            raise Unavailable(_("The mail server did not take the invitation, so it was not made.")) from error

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="send-again", right="add")
    def send_again(self, request: Request, pk: Any) -> Response:
        """With a new link; the former one opens nothing any more."""
        row = self.own()
        if row.accepted_at is not None or row.revoked_at is not None:
            raise Conflict(_("It was accepted or revoked already."))
        try:
            invitations.send_again(row, base_url=request.build_absolute_uri("/"))
        except OSError as error:
            raise Unavailable(_("The mail server did not take it. The former one is still good.")) from error
        return Response(self.shown(self.row()))

    def remove(self, row: Invitation) -> None:
        invitations.revoke(row)


class EndUserRow(Row):
    class Meta:
        model = EndUser
        fields = ["id", "external_id", "tier", "created_at"]
        read_only_fields = ["id", "created_at"]


class EndUserFilters(Filters):
    external_id = serializers.CharField(required=False)
    tier = serializers.CharField(required=False)


class EndUsers(Whole):
    subject = "end_users"
    model = EndUser
    serializer_class = EndUserRow
    filters = EndUserFilters

    def add(self, body: Any) -> EndUser:
        end_user: EndUser = body.apply(EndUser(tenant=self.visit.tenant))
        end_users.save(end_user)
        return end_user

    def change(self, row: EndUser, body: Any) -> None:
        end_users.save(body.apply(row))

    def remove(self, row: EndUser) -> None:
        end_users.remove(row)
