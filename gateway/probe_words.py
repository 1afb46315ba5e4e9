"""What a probe found, in words: what is wrong, what to do about it, and beside which field that belongs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateway.models import Provider
from gateway.probes import Fault, Report

# In a few words, for lists.
SHORT = {
    Fault.WRONG_KEY: gettext_lazy("Key refused"),
    Fault.NO_PERMISSION: gettext_lazy("Not permitted"),
    Fault.NO_CREDIT: gettext_lazy("No credit"),
    Fault.NOT_ALLOWED: gettext_lazy("Address not allowed"),
    Fault.UNREACHABLE: gettext_lazy("Cannot be reached"),
    Fault.TLS: gettext_lazy("Certificate not valid"),
    Fault.TIMEOUT: gettext_lazy("No answer in time"),
    Fault.WRONG_URL: gettext_lazy("Wrong base URL"),
    Fault.NO_LISTING: gettext_lazy("No list of models"),
    Fault.MODEL_UNKNOWN: gettext_lazy("Model unknown"),
    Fault.UNREADABLE: gettext_lazy("Answer not understood"),
    Fault.RATE_LIMITED: gettext_lazy("Rate limited"),
    Fault.OVERLOADED: gettext_lazy("Provider in trouble"),
    Fault.REFUSED: gettext_lazy("Call refused"),
}
CONSOLES = {
    Provider.Kind.ANTHROPIC: "https://platform.claude.com/settings/keys",
    Provider.Kind.OPENAI: "https://platform.openai.com/api-keys",
}
CREDENTIAL, BASE_URL, MODEL = "credential", "base_url", "model"


@dataclass(frozen=True)
class Explained:
    """`title` says what is wrong, `advice` what to do; `field` is empty where it is nobody's. `asks_model`: a model's name may help."""

    title: str
    advice: str
    field: str = ""
    said: str = ""
    asks_model: bool = False


def explained(report: Report, *, kind: str, base_url: str) -> Explained | None:
    """None for a probe that went well."""
    if report.fault is None:
        return None
    host = urlsplit(base_url).hostname or base_url
    title, advice, field = _text(report.fault, kind, host)
    asks_model = report.fault in (Fault.NO_LISTING, Fault.NO_PERMISSION, Fault.MODEL_UNKNOWN)
    return Explained(title, advice, field, report.said, asks_model)


def _text(fault: Fault, kind: str, host: str) -> tuple[str, str, str]:
    ends_in_v1 = _("The base URL of an OpenAI-compatible server usually ends in /v1.")
    if kind == Provider.Kind.ANTHROPIC:
        ends_in_v1 = _("Anthropic's base URL has no /v1 at its end.")
    texts = {
        Fault.WRONG_KEY: (
            _("%(host)s does not accept this key."),
            _(
                "Copy it again from the provider's own console, whole and without blanks. It may also have been deleted there."
            ),
            CREDENTIAL,
        ),
        Fault.NO_PERMISSION: (
            _("The key is known to %(host)s, but may not do this."),
            _("Give it the right to list models and to call them, or name a model below to try that one alone."),
            CREDENTIAL,
        ),
        Fault.NO_CREDIT: (
            _("The account at %(host)s has no credit left."),
            _("The key is right. Add credit or a payment method at the provider, then test again."),
            CREDENTIAL,
        ),
        Fault.NOT_ALLOWED: (
            _("%(host)s is unknown, or leads to an address inside a private network."),
            _(
                "Tollgate calls tenants' providers on the public internet only. Its operator can allow a network of yours."
            ),
            BASE_URL,
        ),
        Fault.UNREACHABLE: (
            _("%(host)s cannot be reached."),
            _("Check host and port, and that the server runs and lets calls from outside through."),
            BASE_URL,
        ),
        Fault.TLS: (
            _("The TLS certificate of %(host)s is not valid."),
            _("It may have expired, be for another name, or be signed by nobody that is known. Nothing was sent."),
            BASE_URL,
        ),
        Fault.TIMEOUT: (
            _("%(host)s did not answer in time."),
            _("Ten seconds were waited for. Check the address, or try again in a moment."),
            BASE_URL,
        ),
        Fault.WRONG_URL: (
            _("%(host)s answers, but not at this address."),
            ends_in_v1,
            BASE_URL,
        ),
        Fault.NO_LISTING: (
            _("%(host)s answers, but lists no models."),
            _("%(hint)s If that is right, name a model that it serves, and that one is tried.") % {"hint": ends_in_v1},
            BASE_URL,
        ),
        Fault.MODEL_UNKNOWN: (
            _("%(host)s does not know this model."),
            _("Write it exactly as the provider does. The key may also lack the right to use it."),
            MODEL,
        ),
        Fault.UNREADABLE: (
            _("%(host)s answers, but not as a provider does."),
            _("Something else seems to be at this address, such as a web page. %(hint)s") % {"hint": ends_in_v1},
            BASE_URL,
        ),
        Fault.RATE_LIMITED: (
            _("%(host)s takes no more calls at the moment."),
            _("The key seems to be right. Wait a minute and test again."),
            "",
        ),
        Fault.OVERLOADED: (
            _("%(host)s has an error of its own."),
            _("Nothing is wrong here. Try again in a moment, or look at the provider's status page."),
            "",
        ),
        Fault.REFUSED: (_("%(host)s refused the call."), _("What it said stands below."), ""),
    }
    title, advice, field = texts[fault]
    return title % {"host": host}, advice, field
