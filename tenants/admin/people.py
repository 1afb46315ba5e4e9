"""Who logs in: people, their memberships, and groups of Django's own permissions."""

from __future__ import annotations

from typing import Any

import allauth.account.admin  # this and the next three register what is taken away below
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants import sites
from tenants.accounts import events
from tenants.admin.badges import badge
from tenants.admin.base import HouseAdmin, PartInline, TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.models import Membership

admin.site.unregister([User, Group])
# Second factors, sessions and the like are their person's own business, at /account/.
admin.site.unregister([EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession])

ROLE_COLOURS = {
    Membership.Role.OWNER: "primary",
    Membership.Role.ADMIN: "info",
    Membership.Role.DEVELOPER: "success",
}


class MembershipsInline(PartInline):
    """The tenants that a person belongs to."""

    model = Membership
    fields = ["tenant", "role"]
    autocomplete_fields = ["tenant"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.select_related("user", "tenant")


@sites.register(User, in_console=False)
class UserAdmin(DjangoUserAdmin, HouseAdmin):  # type: ignore[misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    deletion_hint = _(
        "Take away “active” instead: the person can no longer log in, and what they did stays in the trail."
    )
    list_display = ["username", "email", "standing", "is_active", "last_login", "date_joined"]
    list_filter = [
        ("is_active", BooleanRadioFilter),
        ("is_superuser", BooleanRadioFilter),
    ]
    search_fields = ["username", "email", "first_name", "last_name"]
    search_help_text = _("User name, e-mail or name")
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipsInline]
    actions = ["take_away_factors"]
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "first_name", "last_name"]}),
        (
            _("Access"),
            {
                "fields": ["is_active", "is_superuser"],
                "description": _(
                    "A superuser is an operator: they see every tenant, here and in its console. Everybody else works in "
                    "the consoles of the tenants they belong to."
                ),
            },
        ),
        (
            _("Django's own permissions"),
            {
                "fields": ["groups", "user_permissions"],
                "classes": ["collapse"],
                "description": _("Tollgate's pages go by membership and role, not by these."),
            },
        ),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]

    @display(description=_("Standing"))
    def standing(self, user: User) -> str:
        return badge(_("Operator"), "primary") if user.is_superuser else badge(_("Member"))

    @admin.action(description=_("Take away all second factors"), permissions=["change"])
    def take_away_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For people who have lost theirs. They sign in with the password alone, and set up new ones."""
        for user in queryset:
            taken, _by_model = Authenticator.objects.filter(user=user).delete()
            if taken:
                events.record("factor_removed", user, request, by=request.user)
        self.message_user(request, _("Their second factors are gone."), messages.SUCCESS)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return list(self.inlines) if obj is not None else []


@sites.register(Group, in_console=False)
class GroupAdmin(DjangoGroupAdmin, HouseAdmin):  # type: ignore[misc]
    search_fields = ["name"]


@sites.register(Membership, in_console=False)
class MembershipAdmin(TenantScopedAdmin):
    list_display = ["user", "tenant", "role_label", "created_at"]
    list_display_links = ["user"]
    list_select_related = ["user", "tenant"]
    list_filter = [TenantFilter, ("role", ChoicesDropdownFilter)]
    search_fields = ["user__username", "user__email", "tenant__name"]
    search_help_text = _("Person or tenant")
    autocomplete_fields = ["tenant", "user"]
    readonly_fields = ["created_at"]
    fields = ["tenant", "user", "role", "created_at"]

    @display(description=_("Role"), ordering="role")
    def role_label(self, membership: Membership) -> str:
        return badge(membership.get_role_display(), ROLE_COLOURS.get(Membership.Role(membership.role), ""))

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, "user"] if obj is not None else fixed
