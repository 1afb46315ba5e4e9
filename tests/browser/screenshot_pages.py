"""The pages that `make screenshots` walks through. A new page of the console gets a line here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

ACME = "/t/acme/"
TOKEN = "an-invitation-to-look-at"
RATING = "{rating}"  # the token of an answer, which is known once there is one
INVITATION = f"/invitation/{TOKEN}/"


@dataclass(frozen=True)
class Shot:
    """A picture of `path`, as the demonstration's person of that e-mail sees it (empty: somebody who is not signed in).

    `click` is pressed first, by its accessible name: a menu to show open, say; `until` is a text that is waited for then. `follows` are
    links that lead there one after the other from `path`, where the address is not known: by their text, or by “css=…”. `confirms` has
    the person give their password again before, which some pages want; `signs_in` has them give it once, and stay where that leads.
    """

    name: str
    path: str
    who: str = "alice@acme.example"
    click: str = ""
    until: str = ""
    follows: tuple[str, ...] = ()
    confirms: bool = False
    signs_in: bool = False


NEWCOMER = "ina@initech.example"
OPERATOR = "operator@tollgate.local"
FIRST = "css=#result_list tbody :is(th, td) a"


def to(page: str) -> str:
    """The link to that page of the row one is on."""
    return f'css=a[href$="/{page}/"]'


CONSOLE = (
    Shot("console-home", ACME),
    Shot("console-switcher", ACME, click="Acme"),
    Shot("console-setup", "/t/initech/setup/", NEWCOMER),
    Shot("console-budgets", f"{ACME}budgets/"),
    Shot("console-budget", f"{ACME}budgets/", follows=("Answers to customers",)),
    Shot("console-budget-new", f"{ACME}budgets/add/"),
    Shot("console-budget-edit", f"{ACME}budgets/", follows=("Answers to customers", to("edit"))),
    Shot("console-budgets-none", "/t/initech/budgets/", NEWCOMER),
    Shot("console-alerts", f"{ACME}alerts/"),
    Shot("console-alert-settings", f"{ACME}alerts/settings/"),
    Shot("console-channels", f"{ACME}channels/"),
    Shot("console-channel-new", f"{ACME}channels/add/"),
    Shot("console-channel", f"{ACME}channels/", follows=('css=main a:has-text("Edit")',)),
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
    Shot("console-rule", f"{ACME}gateway/routingrule/", follows=("css=[data-rules-order] h3 a",)),
    Shot("console-rules-none", "/t/initech/gateway/routingrule/", NEWCOMER),
    Shot("console-explain", f"{ACME}gateway/routingrule/explain/"),
    Shot("console-tasks", f"{ACME}gateway/task/"),
    Shot("console-task-new", f"{ACME}gateway/task/add/"),
    Shot("console-task", f"{ACME}gateway/task/", follows=("task/summarise",)),
    Shot("console-task-context", f"{ACME}gateway/task/", follows=("task/help-desk", 'css=a[href$="/context/"]')),
    Shot("console-judges", f"{ACME}judges/"),
    Shot("console-judge", f"{ACME}judges/", follows=("task/summarise",)),
    Shot("console-caches", f"{ACME}gateway/cachepolicy/"),
    Shot("console-cache", f"{ACME}gateway/cachepolicy/", follows=(FIRST,)),
    Shot("console-cache-new", f"{ACME}gateway/cachepolicy/add/"),
    Shot(
        "console-cache-purge",
        f"{ACME}gateway/cachepolicy/",
        follows=(FIRST, to("purge")),
    ),
    Shot("console-semantic-caches", f"{ACME}gateway/semanticwatch/"),
    Shot("console-semantic-cache", f"{ACME}gateway/semanticwatch/", follows=(FIRST,)),
    Shot("console-semantic-checks", f"{ACME}gateway/semanticcheck/"),
    Shot("console-semantic-check", f"{ACME}gateway/semanticcheck/", follows=(FIRST,)),
    Shot("console-judge-of-models", f"{ACME}judges/models/"),
    Shot("console-judgements", f"{ACME}gateway/judgement/"),
    Shot("console-judgement", f"{ACME}gateway/judgement/", follows=(FIRST,)),
    Shot("console-measured-quality", f"{ACME}gateway/measuredquality/"),
    Shot("console-quality-models", f"{ACME}gateway/qualitymodel/"),
    Shot("console-quality-model", f"{ACME}gateway/qualitymodel/", follows=(FIRST,)),
    Shot("console-labels", f"{ACME}gateway/labeledanswer/"),
    Shot("console-label", f"{ACME}gateway/labeledanswer/", follows=(FIRST,)),
    Shot("console-breakers", f"{ACME}gateway/model/breakers/"),
    Shot("console-models", f"{ACME}gateway/model/"),
    Shot("console-model", f"{ACME}gateway/model/?q=acme-llama", follows=("acme-llama",)),
    Shot("console-model-new", f"{ACME}gateway/model/add/"),
    Shot("console-providers", f"{ACME}gateway/provider/"),
    Shot("console-provider", f"{ACME}gateway/provider/", follows=(FIRST,)),
    Shot("console-provider-models", f"{ACME}gateway/provider/", follows=(FIRST, to("models")), until="gpt-4o"),
    Shot("console-end-users", f"{ACME}tenants/enduser/"),
    Shot("console-end-user", f"{ACME}tenants/enduser/", follows=(FIRST,)),
    Shot("console-end-user-history", f"{ACME}tenants/enduser/", follows=(FIRST, to("history"))),
    Shot("console-end-user-delete", f"{ACME}tenants/enduser/", follows=(FIRST, to("delete"))),
    Shot("console-api-key", f"{ACME}tenants/apikey/", follows=(FIRST,)),
    Shot("console-api-key-rotate", f"{ACME}tenants/apikey/", follows=(FIRST, to("rotate"))),
    Shot("console-api-key-revoke", f"{ACME}tenants/apikey/", follows=(FIRST, to("revoke"))),
    Shot("console-api-key-new", f"{ACME}tenants/apikey/add/"),
    Shot("console-providers-none", "/t/initech/gateway/provider/", NEWCOMER),
    Shot("console-provider-connect", "/t/initech/gateway/provider/connect/", NEWCOMER),
    Shot("dashboards-latency", f"{ACME}dashboards/latency/?range=7d"),
    Shot("dashboards-cost", f"{ACME}dashboards/cost/?range=30d&compare=1"),
    Shot("dashboards-errors", f"{ACME}dashboards/errors/?range=7d"),
    Shot("dashboards-cache", f"{ACME}dashboards/cache/?range=7d"),
    Shot("dashboards-quality", f"{ACME}dashboards/quality/?range=30d"),
    Shot("dashboards-quality-judges", f"{ACME}dashboards/quality/?range=30d#panel-agreement"),
    Shot("dashboards-requests", f"{ACME}dashboards/requests/"),
    Shot("dashboards-none", "/t/initech/dashboards/", NEWCOMER),
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
    Shot("feedback-vote", f"{ACME}gateway/feedback/", follows=(FIRST,)),
    Shot("playground", f"{ACME}playground/", click="Explain in three sentences", until="Done"),
    Shot("console-audit-trail", f"{ACME}auditlog/logentry/"),
    Shot("console-audit-entry", f"{ACME}auditlog/logentry/", follows=(FIRST,)),
    Shot("console-settings", f"{ACME}tenants/tenant/"),
    Shot("console-management-api", f"{ACME}api/v1/docs/#create_budgets"),
    Shot("api-reference", "/api/docs/", ""),
    Shot("console-management-keys", f"{ACME}management-keys/"),
    Shot("console-team", f"{ACME}team/"),
    Shot("console-team-leave", f"{ACME}team/leave/"),
    Shot("console-single-sign-on", f"{ACME}tenants/ssoconnection/add/"),
    Shot("console-account-menu", ACME, click="Alice"),
    Shot("console-home-new", "/t/initech/", NEWCOMER),
    Shot("console-forbidden", f"{ACME}budgets/add/", "vera@acme.example"),
)
ACCOUNTS = (
    Shot("sign-in", "/account/login/", ""),
    Shot("sign-in-sso", "/account/sso/", ""),
    Shot("sign-in-second-factor", "", "dan@globex.example", signs_in=True),
    Shot("sign-up-closed", "/account/signup/", ""),
    Shot("sign-out", "/account/logout/"),
    Shot("password-reset", "/account/password/reset/", ""),
    Shot("password-reset-sent", "/account/password/reset/done/", ""),
    Shot("confirm-channel-closed", "/alerts/confirm/none/", ""),
    Shot("rate-answer", f"/feedback/{RATING}", ""),
    Shot("rate-answer-closed", "/feedback/none", ""),
    Shot("invitation", INVITATION, ""),
    Shot("invitation-closed", "/invitation/none/", ""),
    Shot("account-security", "/account/2fa/"),
    Shot("account-authenticator-app", "/account/2fa/totp/activate/", confirms=True),
    Shot("account-passkey", "/account/2fa/webauthn/add/", confirms=True),
    Shot("account-recovery-codes", "/account/2fa/recovery-codes/", "bob@acme.example", confirms=True),
    Shot("account-single-sign-on", "/account/3rdparty/"),
    Shot("account-confirm", "/account/reauthenticate/"),
    Shot("account-password", "/account/password/change/"),
    Shot("account-email", "/account/email/"),
    Shot("account-sessions", "/account/sessions/", confirms=True),
    Shot("not-found", "/t/no-such-tenant/"),
    Shot("tenants", "/t/", OPERATOR),
)


def pages_of(name: str, path: str, *, new: bool = True) -> tuple[Shot, ...]:
    """A model's list among the operators', its first row, and the form of a new one."""
    shots = [
        Shot(f"operators-{name}s", f"/admin/{path}/", OPERATOR),
        Shot(f"operators-{name}", f"/admin/{path}/", OPERATOR, follows=(FIRST,)),
    ]
    return (*shots, Shot(f"operators-{name}-new", f"/admin/{path}/add/", OPERATOR)) if new else tuple(shots)


OPERATORS = (
    Shot("operators-overview", "/admin/", OPERATOR),
    Shot("dashboards-tenants", "/admin/dashboards/?range=7d", OPERATOR),
    *pages_of("tenant", "tenants/tenant"),
    *pages_of("plan", "billing/plan"),
    *pages_of("subscription", "billing/subscription"),
    *pages_of("membership", "tenants/membership"),
    *pages_of("user", "auth/user"),
    *pages_of("budget", "billing/budget"),
    *pages_of("provider", "gateway/provider"),
    *pages_of("model", "gateway/model"),
    *pages_of("task", "gateway/task"),
    *pages_of("rule", "gateway/routingrule"),
    *pages_of("key", "tenants/apikey"),
    *pages_of("invitation", "tenants/invitation", new=False),
    *pages_of("alert", "billing/alert", new=False),
    *pages_of("channel", "billing/alertchannel", new=False),
    *pages_of("request", "gateway/requestlog", new=False),
    *pages_of("cache", "gateway/cachepolicy", new=False),
    *pages_of("judge", "gateway/judgepolicy", new=False),
    Shot("operators-sso-new", "/admin/tenants/ssoconnection/add/", OPERATOR),
    Shot("operators-audit-trail", "/admin/auditlog/logentry/", OPERATOR),
    Shot("operators-breakers", "/admin/gateway/model/breakers/", OPERATOR),
    Shot("operators-groups", "/admin/auth/group/", OPERATOR),
    Shot("operators-tenant-delete", "/admin/tenants/tenant/", OPERATOR, follows=("Globex", to("delete"))),
)
SHOTS = (*CONSOLE, *ACCOUNTS, *OPERATORS)
