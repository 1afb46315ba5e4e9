"""Setting a tenant up: from nothing to the first answered request. Which step is next is found from facts (`gateway.onboarding`)."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gateway import onboarding
from gateway.admin import starters
from gateway.admin.key_forms import USUAL_SCOPES, FirstKeyForm
from gateway.onboarding import Progress, Step
from tenants import api_keys, visits
from tenants.api_keys import RevealedKey
from tenants.models import ApiKey
from tenants.pages import home, key_counts
from tenants.sites import console

PUT_OFF = "setup-put-off"  # in the session: slugs of tenants whose setup the person has put off
DONE, CURRENT, TO_DO = "done", "current", "to do"
NAMED = 3  # models that a sentence names


@dataclass(frozen=True)
class StepShown:
    """`note` says what is there already, or what is to be done."""

    step: Step
    title: str
    note: str
    state: str


@console.page("setup/", name="setup")
@require_safe
@never_cache
def setup(request: HttpRequest) -> HttpResponse:
    return _page(request, FirstKeyForm())


@console.page("setup/key/", name="setup_key", subject="keys", action="add")
@require_http_methods(["GET", "POST"])
@never_cache
def make_key(request: HttpRequest) -> HttpResponse:
    """Makes a key with the usual rights, and shows it together with the code to call with it."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("console:setup"))
    form = FirstKeyForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    made = api_keys.create(
        visits.of(request).tenant, name=form.cleaned_data["name"], scopes=USUAL_SCOPES, created_by=request.user
    )
    response = _page(request, form, made)
    response.status_code = 201
    response["Cache-Control"] = "no-store"
    return response


@console.page("setup/later/", name="setup_later")
@require_POST
def later(request: HttpRequest) -> HttpResponse:
    """Home, which does not lead here again in this session. It still shows how far one is."""
    slug = visits.of(request).tenant.slug
    request.session[PUT_OFF] = list(dict.fromkeys([*request.session.get(PUT_OFF, []), slug]))
    return HttpResponseRedirect(reverse("console:index"))


@home.leads_on
def first_visit(request: HttpRequest) -> str | None:
    """Who comes to a tenant that nothing was set up for, and may do it, is led there."""
    visit = visits.of(request)
    if visit.by_operator or not visit.may("add", "keys") or visit.tenant.slug in request.session.get(PUT_OFF, []):
        return None
    if key_counts.of(request).made or onboarding.has_been_answered(visit.tenant):
        return None
    return reverse("console:setup")


def steps(progress: Progress) -> list[StepShown]:
    titles = {
        Step.PROVIDER: _("Have models to call"),
        Step.KEY: _("Make an API key"),
        Step.REQUEST: _("Send the first request"),
    }
    order = list(titles)
    now_at = order.index(progress.step) if progress.step is not None else len(order)
    return [
        StepShown(step, title, _note(step, progress), DONE if at < now_at else CURRENT if at == now_at else TO_DO)
        for at, (step, title) in enumerate(titles.items())
    ]


def _note(step: Step, progress: Progress) -> str:
    if progress.is_done:
        return ""
    if step is Step.PROVIDER:
        return _models_note(progress)
    if step is Step.KEY:
        text = ngettext("%(count)d key can call.", "%(count)d keys can call.", progress.keys) % {"count": progress.keys}
        return text if progress.keys else _("An application calls with a key of its own. It is shown once.")
    return _("Run a few lines of code, and see the answer arrive here.")


def _models_note(progress: Progress) -> str:
    if not progress.models:
        return _("Connect Anthropic, OpenAI or any compatible server with your key for it.")
    names = ", ".join(model.name for model in progress.models[:NAMED])
    more = len(progress.models) - NAMED
    if more > 0:
        names = ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % {
            "names": names,
            "count": more,
        }
    if progress.is_on_shared_models:
        return _("Your operator provides %(names)s. You need no provider of your own.") % {"names": names}
    return _("Ready: %(names)s.") % {"names": names}


def _page(request: HttpRequest, form: FirstKeyForm, made: RevealedKey | None = None) -> HttpResponse:
    visit = visits.of(request)
    progress = onboarding.progress(visit.tenant, timezone.now())
    key = made.api_key if made is not None else _own_key(request)
    context = {
        "title": _("Set up %(tenant)s") % {"tenant": visit.tenant},
        "progress": progress,
        "steps": steps(progress),
        "form": form,
        "made": made,
        "snippets": starters.of_tenant(request, visit.tenant, key=key, secret=made.secret if made is not None else ""),
        "may_connect": visit.may("add", "providers"),
        "may_make_key": visit.may("add", "keys"),
        "connect_url": reverse("admin:gateway_provider_connect") + "?from=setup",
        **starters.waiting(request, made.api_key if made is not None else None),
    }
    return console.render(request, "gateway/setup.html", context)


def _own_key(request: HttpRequest) -> ApiKey | None:
    """The latest usable key, of the person's own rather than of others."""
    keys = list(onboarding.usable_keys(visits.of(request).tenant, timezone.now()).order_by("-created_at")[:50])
    return next((key for key in keys if key.created_by_id == request.user.pk), keys[0] if keys else None)
