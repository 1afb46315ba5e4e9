"""A chain of models as a field of a plain form: one line each, in order, with a picker and, where it counts, a weight.

It is posted as several values of two names, one of each a line; a line without a model is left away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from gateway.admin import prices
from gateway.models import Model
from gateway.routing_rules import Link

MOST = 20
HEAVIEST = 1_000_000


@dataclass(frozen=True)
class Line:
    """As it is shown: what was chosen, even if it cannot be."""

    model_id: str = ""
    weight: str = "1"


class ChainWidget(forms.Widget):
    """Drawn by gateway/chains/chain.html, not by itself."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Line]:
        models, weights = data.getlist(f"{name}_model"), data.getlist(f"{name}_weight")
        weights += ["1"] * (len(models) - len(weights))
        return [Line(model, weight) for model, weight in zip(models, weights, strict=False) if model]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}_model" not in data


class ChainField(forms.Field):
    """`models` are those that may be chosen. Cleans to links."""

    widget = ChainWidget

    def __init__(self, *, models: Sequence[Model], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.models = {str(model.pk): model for model in models}

    def clean(self, value: Any) -> list[Link]:
        lines: list[Line] = value or []
        if not lines and self.required:
            raise ValidationError(_("Choose at least one model."))
        if len(lines) > MOST:
            raise ValidationError(_("At most %(most)d models."), params={"most": MOST})
        return [Link(self._model(line), _weight(line)) for line in lines]

    def _model(self, line: Line) -> Model:
        model = self.models.get(line.model_id)
        if model is None:
            raise ValidationError(_("One of these models is not there any more."))
        return model


def _weight(line: Line) -> int:
    if not (line.weight.isdecimal() and int(line.weight) <= HEAVIEST):
        raise ValidationError(_("Weights are whole numbers, such as 1 or 90; 0: only when the others fail."))
    return int(line.weight)


def offered(present: Sequence[Model] = ()) -> list[Model]:
    """The models that the console's tenant may choose, its own first, and those of `present`, though they are switched off."""
    rows = Model.objects.select_related("provider").defer("provider__credential")
    shown = list(rows.filter(is_active=True, provider__is_active=True).order_by("name"))
    known = {row.pk for row in shown}
    shown += [row for row in present if row.pk not in known]
    return sorted(shown, key=lambda row: (row.tenant_id is None, row.name))


def choices(models: Sequence[Model], now: dt.datetime) -> list[tuple[str, str]]:
    """What the picker says of each."""
    return [(str(model.pk), " · ".join([model.name, *_about(model, now)])) for model in models]


def _about(model: Model, now: dt.datetime) -> list[str]:
    told = [model.provider.name, prices.in_short(model.price_at(now))]
    if model.quality is not None:
        told.append(_("quality %(quality)d") % {"quality": model.quality})
    return [text for text in told if text]
