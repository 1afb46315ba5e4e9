"""Cache policies: one page for what each cache may do, what the exact cache holds, and buttons that have it forget."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_redis import get_redis_connection
from redis.exceptions import RedisError
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from gateway import purging
from gateway.models import CachePolicy, Task
from gateway.semantic import holdings
from gateway.stores import cache
from gateway.stores.cache import Purge, Stats
from tenants import sites, visits
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.models import ApiKey, Tenant

logger = logging.getLogger(__name__)
ROOM = "max_megabytes"  # the whole tenant's, so the policy for all tasks alone says it
ALL, TASK, KEY, TAG, END_USER = "all", "task", "key", "tag", "end_user"
UNITS = ((86_400, _("%(n)g d")), (3600, _("%(n)g h")), (60, _("%(n)g min")), (1, _("%(n)g s")))


def duration(seconds: int) -> str:
    """In the largest unit of which it is at least one: 90 is 1.5 min."""
    for size, text in UNITS:
        if seconds >= size:
            return str(text % {"n": round(seconds / size, 2)})
    return str(_("none"))


def size(amount: int) -> str:
    return f"{amount / 1_048_576:.1f} MB" if amount >= 104_858 else f"{amount / 1024:.1f} kB"


class PurgeForm(forms.Form):
    """What is to be forgotten: all of it, or what has to do with one task, key, tag or end user."""

    what = forms.ChoiceField(choices=[(name, name) for name in (ALL, TASK, KEY, TAG, END_USER)])
    task = forms.ChoiceField(label=_("Task"), required=False, widget=UnfoldAdminSelectWidget)
    key = forms.ChoiceField(label=_("API key"), required=False, widget=UnfoldAdminSelectWidget)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget)
    end_user = forms.CharField(label=_("End user"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tasks = Task.objects.filter(Q(tenant=None) | Q(tenant=tenant)).order_by("slug").values_list("slug", flat=True)
        keys = ApiKey.objects.filter(tenant=tenant).order_by("name")
        fields: Any = self.fields
        fields["task"].choices = [(slug, f"task/{slug}") for slug in dict.fromkeys(tasks)]
        fields["key"].choices = [(str(key.pk), _named(key)) for key in keys]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        what = cleaned.get("what")
        if what in (TASK, KEY, TAG, END_USER) and not self.has_error(what) and not cleaned.get(what):
            self.add_error(what, _("Say which one."))
        return cleaned

    def purge(self) -> Purge:
        """What a valid form asks for."""
        what = self.cleaned_data["what"]
        if what == ALL:
            return Purge(ALL)
        subject = self.cleaned_data[what]
        return Purge(what, UUID(subject).hex if what == KEY else subject)

    def said(self) -> str:
        """The same for people."""
        what = self.cleaned_data["what"]
        if what == ALL:
            return str(_("everything"))
        if what == TAG:
            return str(_("the tag “%(tag)s”") % {"tag": self.cleaned_data[TAG]})
        if what == END_USER:
            return str(_("the end user “%(name)s”") % {"name": self.cleaned_data[END_USER]})
        field: Any = self.fields[what]
        return str(dict(field.choices)[self.cleaned_data[what]])


def _named(key: ApiKey) -> str:
    return f"{key} · {_('revoked')}" if key.revoked_at else str(key)


@sites.register(CachePolicy)
class CachePolicyAdmin(TenantScopedAdmin):
    subject = "caches"
    deletion_hint = _("Switch the policy off instead.")
    list_display = ["about", "tenant", "exact_shown", "semantic_shown", "prefix_shown", "is_active"]
    list_display_links = ["about"]
    list_select_related = ["tenant", "task__tenant"]
    list_filter = [TenantFilter, ("is_active", BooleanRadioFilter)]
    search_fields = ["tenant__name", "task__slug", "task__name"]
    search_help_text = _("Tenant or task")
    readonly_fields = ["holds", "worth", "semantic_holds"]
    change_form_template = "admin/gateway/cachepolicy/change_form.html"
    conditional_fields = {
        **dict.fromkeys(
            (
                "ttl_seconds",
                "stale_seconds",
                "scope",
                "max_temperature",
                "with_tools",
                "embeddings",
                "max_entry_kilobytes",
            ),
            "exact == true",
        ),
        **dict.fromkeys(
            (
                "semantic_threshold",
                "target_false_percent",
                "semantic_verified",
                "semantic_agent_turns",
                "semantic_max_age_seconds",
            ),
            "semantic == true",
        ),
        "prefix_ttl": "prefix == true",
    }
    own = (
        None,
        {
            "fields": ["tenant", "task", "is_active"],
            "description": _(
                "Without a policy no answer is given again. What a cache did for a request stands in the answer's headers "
                "x-tollgate-cache and x-tollgate-cache-reason, and in the request log."
            ),
        },
    )
    layers = [
        (
            _("The very same request"),
            {
                "fields": [
                    "exact",
                    ("ttl_seconds", "stale_seconds"),
                    "scope",
                    ("max_temperature", "max_entry_kilobytes"),
                    ("with_tools", "embeddings"),
                    ROOM,
                ],
                "description": _(
                    "Everything that can change an answer must be the same: messages, instructions, tools, parameters, model or task."
                ),
            },
        ),
        (
            _("A question that means the same"),
            {
                "fields": [
                    "semantic",
                    ("semantic_threshold", "target_false_percent"),
                    ("semantic_verified", "semantic_agent_turns"),
                    "semantic_max_age_seconds",
                ]
            },
        ),
        (_("The same beginning, kept by the provider"), {"fields": ["prefix", "prefix_ttl"]}),
    ]
    add_fieldsets = [own, *layers]
    fieldsets = [
        own,
        (_("The tenant's exact cache"), {"fields": [("holds", "worth")]}),
        (_("The tenant's semantic cache"), {"fields": ["semantic_holds"]}),
        *layers,
    ]

    def get_fieldsets(self, request: HttpRequest, obj: CachePolicy | None = None) -> list[Any]:
        fieldsets: list[Any] = super().get_fieldsets(request, obj)
        if obj is None or obj.task_id is None:
            return fieldsets
        return [
            (name, {**options, "fields": [it for it in options["fields"] if it != ROOM]}) for name, options in fieldsets
        ]

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        """A tenant has few tasks, all tenants together may have many."""
        return ["tenant", "task"] if visits.found(request) is None else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[CachePolicy]:
        rows: QuerySet[CachePolicy] = super().get_queryset(request)
        return rows.select_related("tenant", "task")

    @display(description=_("For"), ordering="task__slug")
    def about(self, policy: CachePolicy) -> str:
        return f"task/{policy.task.slug}" if policy.task is not None else str(_("All tasks"))

    @display(description=_("Exact"))
    def exact_shown(self, policy: CachePolicy) -> str:
        if not policy.exact:
            return badge(_("Off"))
        return badge(_("fresh for %(time)s") % {"time": duration(policy.ttl_seconds)}, "success")

    @display(description=_("Semantic"))
    def semantic_shown(self, policy: CachePolicy) -> str:
        if not policy.semantic:
            return badge(_("Off"))
        return badge(_("from %(least)s") % {"least": policy.semantic_threshold.normalize()}, "success")

    @display(description=_("Prefix"))
    def prefix_shown(self, policy: CachePolicy) -> str:
        if not policy.prefix:
            return badge(_("Off"))
        is_free = policy.prefix_ttl == CachePolicy.PrefixTtl.AUTO
        return badge(_("On") if is_free else policy.get_prefix_ttl_display(), "success")

    @display(description=_("Holds"))
    def holds(self, policy: CachePolicy) -> str:
        stats = _stats(policy.tenant_id)
        if stats is None:
            return str(_("Redis does not answer just now."))
        if not stats.entries:
            return str(_("nothing yet"))
        text = ngettext("%(entries)s answer, %(size)s", "%(entries)s answers, %(size)s", stats.entries) % {
            "entries": formats.number_format(stats.entries, force_grouping=True),
            "size": size(stats.bytes),
        }
        if stats.oldest is None:
            return text
        return f"{text}, {_('the oldest of %(time)s') % {'time': formats.localize(timezone.localtime(stats.oldest))}}"

    @display(description=_("Was worth"))
    def worth(self, policy: CachePolicy) -> str:
        stats = _stats(policy.tenant_id)
        if stats is None or stats.since is None:
            return "–"
        asked = stats.hits + stats.misses
        told = {
            "hits": formats.number_format(stats.hits, force_grouping=True),
            "asked": formats.number_format(asked, force_grouping=True),
            "share": f"{stats.hits / max(1, asked):.0%}",
            "saved": f"${stats.saved_nanousd / 1e9:,.4f}",
            "since": formats.localize(timezone.localtime(stats.since)),
        }
        return str(_("%(hits)s hits of %(asked)s (%(share)s), %(saved)s saved since %(since)s") % told)

    @display(description=_("Holds"))
    def semantic_holds(self, policy: CachePolicy) -> str:
        found = holdings.found(policy.tenant_id)
        if found is None:
            return str(_("The database does not answer just now."))
        if found.oldest is None:
            return str(_("nothing yet"))
        words = [
            ngettext("%(entries)s answer", "%(entries)s answers", found.entries)
            % {"entries": formats.number_format(found.entries, force_grouping=True)},
            _("the oldest of %(time)s") % {"time": formats.localize(timezone.localtime(found.oldest))},
            ngettext(
                "given %(hits)s time again, %(saved)s saved", "given %(hits)s times again, %(saved)s saved", found.hits
            )
            % {
                "hits": formats.number_format(found.hits, force_grouping=True),
                "saved": f"${found.saved_nanousd / 1e9:,.4f}",
            },
        ]
        return ", ".join(words)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.purge_view)
        return [path("<path:object_id>/purge/", view, name="gateway_cachepolicy_purge"), *super().get_urls()]

    def purge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks what, POST has it forgotten."""
        policy = self.get_object(request, unquote(object_id))
        if policy is None:
            raise Http404
        if not self.has_change_permission(request, policy):
            raise PermissionDenied
        form = PurgeForm(request.POST if request.method == "POST" else None, tenant=policy.tenant)
        page_url = reverse("admin:gateway_cachepolicy_change", args=[policy.pk])
        if request.method == "POST" and form.is_valid():
            try:
                purging.purge(policy.tenant, form.purge(), said=form.said(), policy=policy)
            except RedisError:
                logger.exception("the cache of tenant %s could not be purged", policy.tenant_id)
                self.message_user(request, _("Redis does not answer just now. Nothing was purged."), messages.ERROR)
                return HttpResponseRedirect(request.path)
            text = _("Purged: %(what)s. No earlier answer is given any more; their room is free within a minute.")
            self.message_user(request, text % {"what": form.said()}, messages.SUCCESS)
            return HttpResponseRedirect(page_url)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Purge the cache of %(tenant)s") % {"tenant": policy.tenant},
            "opts": self.opts,
            "form": form,
            "ways": [(name, form[name]) for name in (TASK, KEY, TAG, END_USER)],
            "holds": self.holds(policy),
            "semantic_holds": self.semantic_holds(policy),
            "cancel_url": page_url,
        }
        return TemplateResponse(request, "admin/gateway/cachepolicy/purge.html", context)


def _stats(tenant_id: UUID) -> Stats | None:
    """None if Redis is away."""
    try:
        return cache.stats_now(get_redis_connection("default"), tenant_id)
    except RedisError as error:
        logger.warning("could not read the cache's books: %s", error)
        return None
