"""The team: who is a member in which role, who is invited, and leaving. Owners change it; everybody may look, and leave."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import invitations, memberships, visits
from tenants.console import addresses
from tenants.models import Invitation, Membership
from tenants.roles import Role
from tenants.sites import console

logger = logging.getLogger(__name__)

ROLES = {
    Role.OWNER: gettext_lazy("Everything, also the team and single sign-on"),
    Role.ADMIN: gettext_lazy("Budgets, keys, rules, alert channels, settings"),
    Role.DEVELOPER: gettext_lazy("Keys of their own and the playground; looks at the rest"),
    Role.VIEWER: gettext_lazy("Looks, and changes nothing"),
}


class InviteForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.DEVELOPER)


@console.page("team/", name="team", subject="members")
@require_safe
def team(request: HttpRequest) -> HttpResponse:
    return _page(request, InviteForm())


@console.page("team/invite/", name="team_invite", subject="members", action="add")
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitations.invite(
                visits.of(request).tenant,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                invited_by=request.user,
                base_url=request.build_absolute_uri("/"),
            )
        except ValidationError as error:
            form.add_error(None, error)
        except OSError as error:  # smtplib's are, too
            logger.warning("could not send an invitation: %s", error)
            form.add_error(
                None, _("The mail server did not take the invitation, so it was not made. Please try again.")
            )
        else:
            messages.success(request, _("Invited: %(email)s") % {"email": form.cleaned_data["email"]})
            return _back()
    return _page(request, form)


@console.page("team/<uuid:pk>/role/", name="team_role", subject="members", action="change")
@require_POST
def change_role(request: HttpRequest, pk: UUID) -> HttpResponse:
    member = _member(pk)
    wanted = request.POST.get("role", "")
    if wanted in Role.values and wanted != member.role:
        done = _("%(name)s is now %(role)s.") % {"name": _name(member), "role": Role(wanted).label}
        _try(request, lambda: memberships.change_role(member, Role(wanted)), done)
    return _back()


@console.page("team/<uuid:pk>/remove/", name="team_remove", subject="members", action="delete")
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET asks, POST removes."""
    member = _member(pk)
    if request.method == "POST":
        _try(
            request, lambda: memberships.remove(member), _("%(name)s is no longer a member.") % {"name": _name(member)}
        )
        return _back()
    question = _("Remove %(name)s from the team? They lose access at once. Keys they made go on working.")
    return _ask(request, question % {"name": _name(member)}, label=_("Remove"))


@console.page("team/leave/", name="team_leave")
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """GET asks, POST leaves. For operators there is nothing to leave."""
    member = get_object_or_404(Membership, user_id=request.user.pk)
    tenant = visits.of(request).tenant
    if request.method == "POST":
        if _try(request, lambda: memberships.remove(member), _("You have left %(tenant)s.") % {"tenant": tenant}):
            return HttpResponseRedirect(addresses.outside("front"))
        return _back()
    question = _("Leave %(tenant)s? To come back, one has to be invited again.")
    return _ask(request, question % {"tenant": tenant}, label=_("Leave"))


@console.page("team/invitations/<uuid:pk>/again/", name="team_again", subject="members", action="add")
@require_POST
def send_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    invitation = _invitation(pk)
    try:
        invitations.send_again(invitation, base_url=request.build_absolute_uri("/"))
    except ValidationError as error:
        messages.warning(request, error.messages[0])
    except OSError as error:
        logger.warning("could not send an invitation: %s", error)
        messages.error(request, _("The mail server did not take the invitation. The former one is still good."))
    else:
        messages.success(request, _("Sent again to %(email)s.") % {"email": invitation.email})
    return _back()


@console.page("team/invitations/<uuid:pk>/revoke/", name="team_revoke", subject="members", action="delete")
@require_POST
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    invitation = _invitation(pk)
    invitations.revoke(invitation)
    messages.success(request, _("Revoked: the invitation of %(email)s") % {"email": invitation.email})
    return _back()


def _page(request: HttpRequest, form: InviteForm) -> HttpResponse:
    visit = visits.of(request)
    members = Membership.objects.select_related("user").order_by("created_at", "pk")
    waiting = Invitation.objects.filter(accepted_at=None, revoked_at=None).select_related("invited_by")
    context = {
        "title": _("Team"),
        "member_columns": [_("Person"), _("Role"), _("Since")],
        "invitation_columns": [_("E-mail"), _("Role"), _("Good until")],
        "members": [
            {"row": member, "name": _name(member), "is_me": member.user_id == request.user.pk} for member in members
        ],
        "invitations": [
            {"row": item, "is_over": item.expires_at <= timezone.now(), "role": Role(item.role).label}
            for item in waiting
        ],
        "roles": [(role.value, role.label, text) for role, text in ROLES.items()],
        "form": form,
        "may_invite": visit.may("add", "members"),
        "may_change": visit.may("change", "members"),
    }
    return console.render(request, "tenants/team.html", context, status=200)


def _ask(request: HttpRequest, question: str, *, label: str) -> HttpResponse:
    context = {"title": _("Team"), "question": question, "label": label, "cancel_url": reverse("console:team")}
    return console.render(request, "console/ask.html", context)


def _try(request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
    try:
        act()
    except memberships.LastOwner as error:
        messages.error(request, str(error))
        return False
    messages.success(request, done)
    return True


def _member(pk: UUID) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=pk)


def _invitation(pk: UUID) -> Invitation:
    return get_object_or_404(Invitation, pk=pk, accepted_at=None, revoked_at=None)


def _name(member: Membership) -> str:
    user = member.user
    return str(user.get_full_name() or user.email or user.get_username())


def _back() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("console:team"))
