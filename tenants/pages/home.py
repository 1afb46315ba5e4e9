"""The console's first page: cards that say how things stand, or what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from tenants import sites, visits


@dataclass(frozen=True)
class Card:
    """What a card shows. `template`, if given, is included below the text, with the card's `context` as `told`.

    `step` is for what a new tenant does first: such cards stand on top, in this order, until they are done. `is_wide`: as wide as the page.
    `is_tall`: it shows a list, beside which two others stand.
    """

    title: str
    icon: str
    text: str
    link: str = ""
    link_text: str = ""
    template: str = ""
    context: dict[str, Any] | None = None
    step: int = 0
    is_wide: bool = False
    is_tall: bool = False


CardMaker = Callable[[HttpRequest], Card | None]
_makers: list[tuple[int, CardMaker]] = []
LeadOn = Callable[[HttpRequest], str | None]
_leads: list[LeadOn] = []


def card(*, order: int) -> Callable[[CardMaker], CardMaker]:
    """Register a function that makes a card, or None for those whom it does not concern. Low orders come first."""

    def register(maker: CardMaker) -> CardMaker:
        _makers.append((order, maker))
        return maker

    return register


def leads_on(lead: LeadOn) -> LeadOn:
    """Register a function that says where whoever comes home is to go instead; None for nowhere else."""
    _leads.append(lead)
    return lead


def home(request: HttpRequest) -> HttpResponse:
    for lead in _leads:
        address = lead(request)
        if address is not None:
            return HttpResponseRedirect(address)
    cards = [made for _order, make in sorted(_makers, key=lambda item: item[0]) if (made := make(request)) is not None]
    context = {
        "title": _("Home"),
        "steps": sorted((card for card in cards if card.step), key=lambda card: card.step),
        "cards": [card for card in cards if not card.step and not card.is_wide],
        "wide_cards": [card for card in cards if not card.step and card.is_wide],
        "is_switched_off": not visits.of(request).tenant.is_active,
    }
    return sites.console.render(request, "console/home.html", context)
