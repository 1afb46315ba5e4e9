"""Budgets with their temporary raises, on the operators' pages: what they say in plain words, what is in force now, what was used so far.

A tenant's own people have theirs in the console (`billing.pages.budgets`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin import display
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import formats, timezone
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from billing import budget_bars, budgets, sentences, standing
from billing.models import Budget, BudgetRaise
from billing.percentages import Percentages
from tenants import sites, visits
from tenants.admin.base import PartInline, TenantScopedAdmin, WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.models import Tenant


class BudgetForm(WholeRowForm):
    """Offers the keys of the budget's own tenant, and amounts without zeros behind."""

    thresholds = Percentages(
        widget=UnfoldAdminTextInputWidget,
        label=_("Alert at (%)"),
        required=False,
        initial=[80],
        help_text=_("Percentages of the amount, separated by commas, such as 50, 80. 100 % always alerts."),
    )

    class Meta:
        model = Budget
        exclude = ["created_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_zeros(self, "amount")
        if "api_key" in self.fields:
            offered = Q(revoked_at=None) | Q(pk=self.instance.api_key_id)
            keys: Any = self.fields["api_key"]
            keys.queryset = keys.queryset.filter(offered, tenant_id=self._tenant_id())
            keys.empty_label = _("Each key by itself")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "metric" in self.changed_data and not self.instance._state.adding:
            try:
                budgets.refuse_other_metric(self.instance, timezone.now())
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned

    def _tenant_id(self) -> Any:
        """The tenant the budget has, or is being given."""
        if self.instance.tenant_id is not None:
            return self.instance.tenant_id
        given = self.data.get(self.add_prefix("tenant")) if self.is_bound else self.initial.get("tenant")
        return _uuid(given)


class RaiseForm(WholeRowForm):
    """A raise is checked when it is made or changed: one of long ago does not hold up an edit of its budget."""

    class Meta:
        model = BudgetRaise
        fields = ["amount", "starts_at", "ends_at", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_zeros(self, "amount")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        amount, ends_at = cleaned.get("amount"), cleaned.get("ends_at")
        budget = self.instance.budget
        if budget._state.adding and amount is not None and budget.amount is not None:
            self._check_amount(amount)  # the row itself asks only a budget that is there
        if self.instance._state.adding and ends_at is not None and ends_at <= timezone.now():
            self.add_error("ends_at", _("This is over already."))
        return cleaned

    def _check_amount(self, amount: Decimal) -> None:
        try:
            self.instance.check_amount(amount)
        except ValidationError as error:
            self.add_error(None, error)

    def _post_clean(self) -> None:
        if self.has_changed() and self.instance.budget.amount is not None:
            super()._post_clean()  # type: ignore[misc]


class RaiseFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        """With the budget as it is being saved, which a raise is compared with."""
        form = super()._construct_form(i, **kwargs)
        form.instance.budget = self.instance
        return form


def _raises_and_zone() -> str:
    """The inputs tell no time zone: on the operators' pages they are in UTC, in a console in the tenant's."""
    return _("temporary raises (times are in %(zone)s)") % {"zone": timezone.get_current_timezone_name()}


class BudgetRaiseInline(PartInline):
    model = BudgetRaise
    form = RaiseForm
    formset = RaiseFormSet
    fields = ["amount", "starts_at", "ends_at", "reason", "created_by"]
    readonly_fields = ["created_by"]
    verbose_name_plural = lazy(_raises_and_zone, str)()

    def get_queryset(self, request: HttpRequest) -> QuerySet[BudgetRaise]:
        rows: QuerySet[BudgetRaise] = super().get_queryset(request)
        return rows.select_related("budget", "created_by")


@sites.register(Budget, in_console=False)
class BudgetAdmin(TenantScopedAdmin):
    subject = "budgets"
    form = BudgetForm
    deletion_hint = _("Switch the budget off instead, if it may be wanted again.")
    list_display = ["name", "tenant", "says", "in_force", "used", "is_active"]
    list_display_links = ["name"]
    list_select_related = ["tenant", "api_key"]
    list_filter = [
        TenantFilter,
        ("scope", ChoicesDropdownFilter),
        ("metric", ChoicesDropdownFilter),
        ("window", ChoicesDropdownFilter),
        ("is_active", BooleanRadioFilter),
    ]
    search_fields = ["name", "subject", "api_key__name", "tenant__name"]
    search_help_text = _("Name, subject, API key or tenant")
    inlines = [BudgetRaiseInline]
    readonly_fields = ["says", "standing_shown"]
    limit = (
        _("What is limited"),
        {
            "fields": ["metric", "amount", "window"],
            "description": _(
                "At 100 % requests are refused until the window ends. A temporary raise lifts the amount."
            ),
        },
    )
    whose = (
        _("Whose usage"),
        {
            "fields": ["scope", "api_key", "subject"],
            "description": _(
                "Without a key or subject, the amount holds for each key, end user, task, model or tag by itself."
            ),
        },
    )
    before = (
        _("Before it is used up"),
        {"fields": ["thresholds", ("cheaper_at", "cheaper_model"), "cached_only_at"]},
    )
    add_fieldsets = [(None, {"fields": ["tenant", "name", "is_active"]}), whose, limit, before]
    fieldsets = [
        (None, {"fields": ["tenant", "name", "says", "standing_shown", "is_active"]}),
        whose,
        limit,
        before,
    ]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "api_key":
            kwargs["widget"] = UnfoldAdminSelect2Widget()
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "tenant":
            field.queryset = field.queryset.filter(pk=self._tenant_id(request))
            field.empty_label = None
        return field

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("tenant", "api_key") and field is not None:
            wrapper = field.widget  # made elsewhere: a key is shown once, on a page of its own
            wrapper.can_add_related = wrapper.can_change_related = wrapper.can_view_related = False
            wrapper.can_delete_related = False
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_changeform_initial_data(request), "tenant": self._tenant_id(request)}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks for the tenant first where there are several: what the form offers depends on it."""
        if request.method == "GET" and self._tenant_id(request) is None and self.has_add_permission(request):
            return self._ask_for_tenant(request)
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def _ask_for_tenant(self, request: HttpRequest) -> HttpResponse:
        field: Any = Budget._meta.get_field("tenant")
        widget = AutocompleteSelect(field, self.admin_site)
        choice = forms.ModelChoiceField(Tenant.objects.all(), widget=widget, label=_("Tenant"))
        form = type("TenantForm", (forms.Form,), {"tenant": choice})()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Add budget"),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "kept": [(name, value) for name, value in request.GET.items() if name != "tenant"],
        }
        return TemplateResponse(request, "admin/billing/budget/tenant.html", context)

    def _tenant_id(self, request: HttpRequest) -> UUID | None:
        """The console's tenant; for an operator the one that was chosen, or the only one there is."""
        visit = visits.found(request)
        if visit is not None:
            return visit.tenant.pk
        given = _uuid(request.POST.get("tenant") or request.GET.get("tenant"))
        if given is not None:
            return given
        ids = list(Tenant.objects.values_list("pk", flat=True)[:2])
        return ids[0] if len(ids) == 1 else None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        budgets: QuerySet[Budget] = super().get_queryset(request)
        return budgets.select_related("tenant", "api_key")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With each budget's standing, read for the whole page at once."""
        changes = super().get_changelist_instance(request)
        changes.result_list = list(changes.result_list)
        standings = standing.standing(changes.result_list, timezone.now())
        for budget in changes.result_list:
            budget._standing = standings[budget.pk]
        return changes

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for item in formset.forms:
            if item.instance._state.adding:
                item.instance.created_by = request.user
        super().save_formset(request, form, formset, change)

    @display(description=_("In words"))
    def says(self, budget: Budget) -> str:
        return ". ".join(filter(None, [sentences.blocking(budget), sentences.before_blocking(budget)]))

    @display(description=_("In force now"))
    def in_force(self, budget: Budget) -> str:
        found = _standing_of(budget)
        text = sentences.quantity(budget.metric, found.amount)
        if found.raised_until is None:
            return text
        until = formats.date_format(found.raised_until.astimezone(found.zone), "DATETIME_FORMAT")
        return render_to_string("admin/billing/budget/raised.html", {"amount": text, "until": until})

    @display(description=_("Used so far"))
    def used(self, budget: Budget) -> str:
        context = {"shown": budget_bars.shown(budget, _standing_of(budget)), "is_active": budget.is_active}
        return render_to_string("admin/billing/budget/used.html", context)

    @display(description=_("Used so far"))
    def standing_shown(self, budget: Budget) -> str:
        return render_to_string(
            "admin/billing/budget/standing.html", {"shown": budget_bars.shown(budget, _standing_of(budget))}
        )


def _standing_of(budget: Any) -> standing.Standing:
    found: standing.Standing | None = getattr(budget, "_standing", None)
    if found is None:
        found = budget._standing = standing.standing([budget], timezone.now())[budget.pk]
    return found


def _without_zeros(form: WholeRowForm, name: str) -> None:
    amount = form.initial.get(name)
    if isinstance(amount, Decimal):
        form.initial[name] = amount.normalize() if amount % 1 else amount.to_integral_value()


def _uuid(text: Any) -> UUID | None:
    try:
        return text if isinstance(text, UUID) else UUID(str(text))
    except ValueError:
        return None
