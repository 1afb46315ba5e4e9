"""The page behind a feedback link: two buttons and room for a comment, for whoever was handed the answer. Works without scripts.

Opening it changes nothing, since mail programs open links by themselves; only the form's buttons do. The token in the address is all the
right there is, so there is no session, no cookie, and nothing for another site to ride on.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from gateway import votes
from gateway.errors import GatewayError, Gone, NotFound, RateLimited, StoreUnavailable
from gateway.models import Feedback
from gateway.quality import feedback
from gateway.quality.feedback import BadVote
from tenants import tenancy

TEMPLATE = "feedback/page.html"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest, token: str) -> HttpResponse:
    with tenancy.across("the token names the tenant"):
        try:
            response = _post(request, token) if request.method == "POST" else _show(request, token)
        except GatewayError as error:
            response = _refused(request, error)
        except (DatabaseError, RedisError):
            response = _refused(request, StoreUnavailable(""))
    response["Referrer-Policy"] = "no-referrer"  # the address is the right to vote
    return response


def _show(request: HttpRequest, token: str) -> HttpResponse:
    given = votes.given_by(votes.ticket_of(token))
    return _form(request, given, given.comment if given else "", given.reasons if given else [])


def _post(request: HttpRequest, token: str) -> HttpResponse:
    comment, reasons = request.POST.get("comment", ""), request.POST.getlist("reasons")
    try:
        vote = feedback.vote(request.POST.get("rating", ""), reasons=reasons, comment=comment)
    except BadVote:
        votes.ticket_of(token)
        wrong = _("Choose one of the two thumbs. A comment has at most %(count)d characters.") % {
            "count": feedback.MAX_COMMENT
        }
        return _form(request, None, comment, reasons, wrong, status=400)
    votes.by_token(token, vote, address=request.META.get("REMOTE_ADDR", ""))
    return HttpResponseRedirect(request.path, status=303)


def _form(
    request: HttpRequest,
    given: Feedback | None,
    comment: str,
    reasons: list[str],
    wrong: str = "",
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "given": given,
        "comment": comment,
        "wrong": wrong,
        "most": feedback.MAX_COMMENT,
        "reasons": [(name, label, name in reasons) for name, label in feedback.REASONS.items()],
        "own_reasons": [reason for reason in reasons if reason not in feedback.REASONS],
    }
    return render(request, TEMPLATE, context, status=status)


def _refused(request: HttpRequest, error: GatewayError) -> HttpResponse:
    """In words for somebody who knows nothing of tokens and requests."""
    words: Any = {
        NotFound: _("This link does not work. Was it copied whole?"),
        Gone: _("This answer can't be rated any more: it is too old."),
        RateLimited: _("That was too often. Please try again in a minute."),
        StoreUnavailable: _("That can't be written down just now. Please try again in a moment."),
    }
    text = words.get(type(error), _("This answer can't be rated."))
    response = render(request, TEMPLATE, {"refusal": text}, status=error.status)
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(votes.PACE_SECONDS)
    return response
