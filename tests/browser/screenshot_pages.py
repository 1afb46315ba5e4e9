"""The pages that `make screenshots` walks through. A new page of the console gets a line here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

ACME = "/t/acme/"
TOKEN = "an-invitation-to-look-at"
INVITATION = f"/invitation/{TOKEN}/"


@dataclass(frozen=True)
class Shot:
    """A picture of `path`, as the demonstration's person of that e-mail sees it (empty: somebody who is not signed in).

    `click` is pressed first, by its accessible name: a menu to show open, say; `until` is a text that is waited for then. `follows` are
    links that lead there one after the other from `path`, where the address is not known: by their text, or by “css=…”. `confirms` has
    the person give their password again before, which some pages want.
    """

    name: str
    path: str
    who: str = "alice@acme.example"
    click: str = ""
    until: str = ""
    follows: tuple[str, ...] = ()
    confirms: bool = False


NEWCOMER = "ina@initech.example"
OPERATOR = "operator@tollgate.local"
SHOTS = (
    Shot("console-home", ACME),
    Shot("console-switcher", ACME, click="Acme"),
    Shot("console-setup", "/t/initech/setup/", NEWCOMER),
    Shot("console-budgets", f"{ACME}budgets/"),
    Shot("console-budget", f"{ACME}budgets/", follows=("Answers to customers",)),
    Shot("console-budget-new", f"{ACME}budgets/add/"),
    Shot("console-alerts", f"{ACME}alerts/"),
    Shot("console-alert-settings", f"{ACME}alerts/settings/"),
    Shot("console-channels", f"{ACME}channels/"),
    Shot("console-channel-new", f"{ACME}channels/add/"),
    Shot("console-plan", f"{ACME}plan/"),
    Shot("console-statements", f"{ACME}statements/"),
    Shot("console-statement", f"{ACME}statements/{dt.datetime.now(dt.UTC):%Y-%m}/"),
    Shot("console-api-keys", f"{ACME}tenants/apikey/"),
    Shot(
        "console-rules",
        f"{ACME}gateway/routingrule/?asked=task/chat-support",
        click="Explain",
        until="Tried in this order",
    ),
    Shot("console-rule-new", f"{ACME}gateway/routingrule/add/"),
    Shot("console-tasks", f"{ACME}gateway/task/"),
    Shot("console-task-new", f"{ACME}gateway/task/add/"),
    Shot("console-task", f"{ACME}gateway/task/", follows=("task/summarise",)),
    Shot("console-task-context", f"{ACME}gateway/task/", follows=("task/help-desk", 'css=a[href$="/context/"]')),
    Shot("console-judges", f"{ACME}judges/"),
    Shot("console-judge", f"{ACME}judges/", follows=("task/summarise",)),
    Shot("console-caches", f"{ACME}gateway/cachepolicy/"),
    Shot("console-cache-new", f"{ACME}gateway/cachepolicy/add/"),
    Shot(
        "console-cache-purge",
        f"{ACME}gateway/cachepolicy/",
        follows=("css=#result_list tbody a", 'css=a[href$="/purge/"]'),
    ),
    Shot("console-semantic-caches", f"{ACME}gateway/semanticwatch/"),
    Shot("console-semantic-checks", f"{ACME}gateway/semanticcheck/"),
    Shot("console-quality-models", f"{ACME}gateway/qualitymodel/"),
    Shot("console-labels", f"{ACME}gateway/labeledanswer/"),
    Shot("console-breakers", f"{ACME}gateway/model/breakers/"),
    Shot("console-models", f"{ACME}gateway/model/"),
    Shot("console-providers", f"{ACME}gateway/provider/"),
    Shot("console-end-users", f"{ACME}tenants/enduser/"),
    Shot("console-api-key", f"{ACME}tenants/apikey/", follows=("css=#result_list tbody a",)),
    Shot(
        "console-api-key-rotate",
        f"{ACME}tenants/apikey/",
        follows=("css=#result_list tbody a", 'css=a[href$="/rotate/"]'),
    ),
    Shot("console-api-key-new", f"{ACME}tenants/apikey/add/"),
    Shot("console-providers-none", "/t/initech/gateway/provider/", NEWCOMER),
    Shot("console-provider-connect", "/t/initech/gateway/provider/connect/", NEWCOMER),
    Shot("dashboards-latency", f"{ACME}dashboards/latency/?range=7d"),
    Shot("dashboards-cost", f"{ACME}dashboards/cost/?range=30d&compare=1"),
    Shot("dashboards-errors", f"{ACME}dashboards/errors/?range=7d"),
    Shot("dashboards-cache", f"{ACME}dashboards/cache/?range=7d"),
    Shot("dashboards-quality", f"{ACME}dashboards/quality/?range=30d"),
    Shot("dashboards-requests", f"{ACME}dashboards/requests/"),
    Shot("dashboards-tenants", "/admin/dashboards/?range=7d", OPERATOR),
    Shot("request-log", f"{ACME}gateway/requestlog/"),
    Shot("request", f"{ACME}gateway/requestlog/?q=customer-1002", follows=("css=#result_list tbody a",)),
    Shot(
        "request-content",
        f"{ACME}gateway/requestlog/?q=customer-2001",
        follows=("css=#result_list tbody a",),
        click="Show prompt and answer",
        until="My invoice is wrong.",
    ),
    Shot("console-content", f"{ACME}content/"),
    Shot("feedback", f"{ACME}gateway/feedback/"),
    Shot("playground", f"{ACME}playground/", click="Explain in three sentences", until="Done"),
    Shot("console-audit-trail", f"{ACME}auditlog/logentry/"),
    Shot("console-settings", f"{ACME}tenants/tenant/"),
    Shot("console-management-api", f"{ACME}api/v1/docs/#create_budgets"),
    Shot("api-reference", "/api/docs/", ""),
    Shot("console-management-keys", f"{ACME}management-keys/"),
    Shot("console-team", f"{ACME}team/"),
    Shot("console-team-leave", f"{ACME}team/leave/"),
    Shot("console-single-sign-on", f"{ACME}tenants/ssoconnection/add/"),
    Shot("console-account-menu", ACME, click="Alice"),
    Shot("sign-in", "/account/login/", ""),
    Shot("sign-in-sso", "/account/sso/", ""),
    Shot("password-reset", "/account/password/reset/", ""),
    Shot("invitation", INVITATION, ""),
    Shot("invitation-closed", "/invitation/none/", ""),
    Shot("account-security", "/account/2fa/"),
    Shot("account-authenticator-app", "/account/2fa/totp/activate/", confirms=True),
    Shot("account-passkey", "/account/2fa/webauthn/add/", confirms=True),
    Shot("account-confirm", "/account/reauthenticate/"),
    Shot("account-password", "/account/password/change/"),
    Shot("account-email", "/account/email/"),
    Shot("account-sessions", "/account/sessions/", confirms=True),
    Shot("not-found", "/t/no-such-tenant/"),
    Shot("tenants", "/t/", OPERATOR),
    Shot("operators-overview", "/admin/", OPERATOR),
)
