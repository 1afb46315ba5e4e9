"""What each role may do in its tenant: the one table that pages, the management API and the tests read.

A right is an action on a subject. Subjects are what a console is about (budgets, keys, members …), not tables. Who is in which role is
`tenants.models.Membership`'s; whether a row is of the right tenant is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

Action = Literal["view", "add", "change", "delete"]


class Role(TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    DEVELOPER = "developer", _("Developer")
    VIEWER = "viewer", _("Viewer")


NOBODY: frozenset[Role] = frozenset()
OWNERS = frozenset({Role.OWNER})
ADMINS = OWNERS | {Role.ADMIN}
DEVELOPERS = ADMINS | {Role.DEVELOPER}
EVERYONE = frozenset(Role)


@dataclass(frozen=True)
class Rights:
    """The roles that may do each thing with one subject; those in `only_own` with what they made themselves, and view the rest."""

    view: frozenset[Role] = EVERYONE
    add: frozenset[Role] = NOBODY
    change: frozenset[Role] = NOBODY
    delete: frozenset[Role] = NOBODY
    only_own: frozenset[Role] = NOBODY

    @classmethod
    def edited_by(cls, roles: frozenset[Role], *, view: frozenset[Role] = EVERYONE) -> Rights:
        return cls(view=view, add=roles, change=roles, delete=roles)

    def of(self, action: Action) -> frozenset[Role]:
        return {"view": self.view, "add": self.add, "change": self.change, "delete": self.delete}[action]


LOOK = Rights()

RIGHTS: dict[str, Rights] = {
    "alerts": Rights(change=ADMINS),  # what is alerted of; alerts themselves nobody changes
    "audit": Rights(view=ADMINS),
    "budgets": Rights.edited_by(ADMINS),
    "cache_checks": LOOK,
    "caches": Rights.edited_by(ADMINS),
    "channels": Rights.edited_by(ADMINS),
    "content": Rights(
        view=DEVELOPERS, change=ADMINS, delete=ADMINS
    ),  # prompts and answers; each look is in the audit trail
    "dashboards": LOOK,
    "end_users": Rights.edited_by(ADMINS),
    "keys": Rights(add=DEVELOPERS, change=DEVELOPERS, only_own=frozenset({Role.DEVELOPER})),  # revoked, never deleted
    "feedback": LOOK,
    "judgements": LOOK,
    "judges": Rights.edited_by(ADMINS),
    "labels": LOOK,
    "management_keys": Rights(
        view=ADMINS, add=ADMINS, change=ADMINS
    ),  # revoked, never deleted; made in the console only
    "members": Rights.edited_by(OWNERS),
    "models": Rights.edited_by(ADMINS),  # the tenant's own, at providers of its own (`gateway.catalog`)
    "playground": Rights(
        view=DEVELOPERS, add=DEVELOPERS, change=ADMINS
    ),  # to add is to send, which costs; to change, to switch it on
    "providers": Rights.edited_by(ADMINS),  # the tenant's own
    "quality_models": LOOK,
    "requests": LOOK,
    "rules": Rights.edited_by(ADMINS),
    "sso": Rights.edited_by(OWNERS, view=OWNERS),
    "statements": LOOK,
    "subscription": LOOK,
    "tasks": Rights.edited_by(ADMINS),
    "tenant": Rights(change=ADMINS),
}


RANK = (Role.VIEWER, Role.DEVELOPER, Role.ADMIN, Role.OWNER)


def up_to(role: Role) -> tuple[Role, ...]:
    """The roles that somebody in `role` may give to what they make."""
    return RANK[: RANK.index(role) + 1]


def may(role: Role, action: Action, subject: str) -> bool:
    """Whether somebody in `role` may do it, with some row at least (`only_own`). `KeyError`: no such subject."""
    return role in RIGHTS[subject].of(action)


def only_own(role: Role, subject: str) -> bool:
    """Whether the role changes and deletes only what the person has made."""
    return role in RIGHTS[subject].only_own
