"""The pages that `make screenshots` walks through. A new page of the console gets a line here."""

from __future__ import annotations

from dataclasses import dataclass

ACME = "/t/acme/"


@dataclass(frozen=True)
class Shot:
    """A picture of `path`, as the demonstration's person of that e-mail sees it (empty: somebody who is not signed in).

    `click` is pressed first, by its accessible name: a menu to show open, say.
    """

    name: str
    path: str
    who: str = "alice@acme.example"
    click: str = ""


OPERATOR = "operator@tollgate.local"
SHOTS = (
    Shot("console-home", ACME),
    Shot("console-switcher", ACME, click="Acme"),
    Shot("console-budgets", f"{ACME}billing/budget/"),
    Shot("console-api-keys", f"{ACME}tenants/apikey/"),
    Shot("request-log", f"{ACME}gateway/requestlog/"),
    Shot("console-audit-trail", f"{ACME}auditlog/logentry/"),
    Shot("not-found", "/t/no-such-tenant/"),
    Shot("tenants", "/t/", OPERATOR),
    Shot("operators-overview", "/admin/", OPERATOR),
)
