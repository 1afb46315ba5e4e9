"""What every view of the management API is: somebody's request in a tenant, as far as the role may, undone as a whole if it is refused.

Under /api/v1/ a management key says which tenant; at /t/<slug>/api/v1/ it is the console's, for those who are signed in there. Either way
the view works in the tenant (`tenants.tenancy`), where a forgotten filter shows nothing of others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions, viewsets
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import audit, management_keys, roles, tenancy, visits
from tenants.management_api import callers, errors, idempotency, pace
from tenants.management_api.fields import Filters
from tenants.management_api.idempotency import Replayed
from tenants.management_api.paging import Pages
from tenants.management_api.schema import ManagementSchema
from tenants.models import KeptResult
from tenants.roles import Action, Role
from tenants.visits import Visit

MOST_BYTES = 1024 * 1024
RIGHTS: dict[str, Action] = {"create": "add", "partial_update": "change", "destroy": "delete"}


class ManagementView(APIView):
    subject = ""  # of `tenants.roles.RIGHTS`
    right: Action | None = None  # what it takes to write; by the action's name where it is not said
    authentication_classes = [callers.ByKey, callers.BySession]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    schema = ManagementSchema()
    http_method_names = ["get", "post", "patch", "delete", "head"]
    kept: KeptResult | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        def respond() -> HttpResponseBase:
            return self._undone_if_refused(request, *args, **kwargs)

        if visits.found(request) is not None:  # the console's middleware has entered the tenant
            return respond()
        secret = callers.secret_of(request)
        key = management_keys.recognise(secret)
        if key is None:
            return _refused(request, secret)
        management_keys.note_use(key, timezone.now())
        callers.begin(request, key)
        visits.begin(request, Visit(key.tenant, Role(key.role), subjects=frozenset(key.subjects)))
        with (
            timezone.override(ZoneInfo(key.tenant.timezone)),
            tenancy.entered(key.tenant_id),
            audit.by_key(key, key.created_by),
        ):
            return respond()

    def _undone_if_refused(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            response: Any = super().dispatch(request, *args, **kwargs)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            elif self.kept is not None:
                idempotency.keep(self.kept, status=response.status_code, body=response.render().content)
            return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        pace.take(self.visit.tenant, self._asked_by())
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            raise errors.TooLarge
        if self._handler_of(request) is None:
            return  # DRF says which methods there are
        if not self.visit.may(self.needed(str(request.method)), self.subject):
            raise exceptions.PermissionDenied(_("This role does not allow it."))
        if request.method == "POST":
            self.kept = idempotency.claim(request, self.visit.tenant, asked_by=self._asked_by())

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Replayed):
            told = json.loads(exc.kept.body) if exc.kept.body else None
            return Response(told, status=exc.kept.status, headers={idempotency.REPLAYED: "true"})
        return super().handle_exception(exc)

    def get_exception_handler(self) -> Callable[..., Any]:
        return errors.handle

    def needed(self, method: str) -> Action:
        """The right that a request takes."""
        if method in ("GET", "HEAD"):
            return "view"
        return self.right or RIGHTS[str(getattr(self, "action", ""))]

    @property
    def visit(self) -> Visit:
        return visits.of(self.request)

    @property
    def person(self) -> Any:
        """Who acts; of a key, who has made it. None if they are gone."""
        return self.request.user or None

    def _asked_by(self) -> str:
        key = callers.key_of(self.request._request)
        return f"key:{key.pk}" if key is not None else f"user:{self.request.user.pk}"

    def _handler_of(self, request: Request) -> Any:
        name = str(request.method).lower()
        return getattr(self, name, None) if name in self.http_method_names else None


class Nothing(ManagementView):
    """Addresses that there are not, for those whose key is good."""

    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        pace.take(self.visit.tenant, self._asked_by())
        raise Http404


class ManagementViewSet(ManagementView, viewsets.GenericViewSet[Any]):
    """Rows of one kind. Subclasses say what they are and add what may be done with them, from the classes below."""

    model: type[models.Model]
    is_shared = False  # rows without a tenant are the operator's, to look at
    filters: type[Filters] | None = None
    pagination_class = Pages
    lookup_value_converter = "uuid"

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):  # the document is being made, for nobody
            return self.model._base_manager.none()
        return self.rows()

    def rows(self) -> Any:
        """Those that may be seen."""
        seen = Q(tenant=self.visit.tenant)
        return self.model._default_manager.filter(seen | Q(tenant=None) if self.is_shared else seen)

    def row(self) -> Any:
        """The one that the address names; raises `Http404`."""
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])

    def own(self) -> Any:
        """The one that the address names, to be written: nobody else writes it meanwhile."""
        self._check_own(self.row())
        locked = self.model._default_manager.select_for_update().filter(pk=self.kwargs["pk"]).order_by("pk")
        if not locked.values_list("pk", flat=True):
            raise Http404
        return self.row()

    def _check_own(self, row: Any) -> None:
        if row.tenant_id != self.visit.tenant.pk:
            raise exceptions.PermissionDenied(_("This is the operator's. It can be looked at, not changed."))
        if not roles.only_own(self.visit.role, self.subject):
            return
        if self.person is None or row.created_by_id != self.person.pk:  # whoever is gone has made nothing
            raise exceptions.PermissionDenied(_("This role changes only what its holder has made."))

    def narrowed(self, rows: Any) -> Any:
        """The rows that the query asks for; raises DRF's `ValidationError`."""
        asked = {name: value for name, value in self.request.query_params.items() if name not in ("limit", "cursor")}
        known = self.filters(data=asked) if self.filters is not None else Filters(data=asked)
        wrong = known.given_twice(self.request.query_params)
        wrong |= {name: [_("There is no such filter.")] for name in asked if name not in known.fields}
        if wrong:
            raise exceptions.ValidationError(wrong)
        known.is_valid(raise_exception=True)
        return self.filtered(rows, known.validated_data)

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        return rows.filter(**told)

    def body(self, serializer: Any = None, *, row: Any = None) -> Any:
        """What was sent, checked. Without a row it is a new one's."""
        made = (serializer or self.get_serializer_class())(
            row, data=self.request.data, partial=row is not None, context=self.get_serializer_context()
        )
        made.is_valid(raise_exception=True)
        return made

    def shown(self, row: Any, serializer: Any = None) -> Any:
        return (serializer or self.get_serializer_class())(row, context=self.get_serializer_context()).data

    def page_of(self, rows: Any, serializer: Any = None) -> Response:
        page = self.paginate_queryset(rows)
        shown = (serializer or self.get_serializer_class())(page, many=True, context=self.get_serializer_context())
        return self.get_paginated_response(shown.data)


class Reads(ManagementViewSet):
    def list(self, request: Request) -> Response:
        return self.page_of(self.narrowed(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any) -> Response:
        return Response(self.shown(self.row()))


class Creates(ManagementViewSet):
    def create(self, request: Request) -> Response:
        row = self.add(self.body())
        return Response(self.shown_made(row), status=201)

    def add(self, body: Any) -> Any:
        raise NotImplementedError

    def shown_made(self, row: Any) -> Any:
        return self.shown(row)


class Changes(ManagementViewSet):
    def partial_update(self, request: Request, pk: Any) -> Response:
        row = self.own()
        self.change(row, self.body(row=row))
        return Response(self.shown(self.row()))

    def change(self, row: Any, body: Any) -> None:
        raise NotImplementedError


class Deletes(ManagementViewSet):
    def destroy(self, request: Request, pk: Any) -> Response:
        self.remove(self.own())
        return Response(status=204)

    def remove(self, row: Any) -> None:
        raise NotImplementedError


class Whole(Reads, Creates, Changes, Deletes):
    """What may be read, made, changed and deleted."""


class One(ManagementViewSet):
    """What a tenant has one of, at an address without an id: to be read, and changed by those who may."""

    def one(self) -> Any:
        """Raises `Http404` if there is none."""
        return get_object_or_404(self.get_queryset())

    def retrieve(self, request: Request) -> Response:
        return Response(self.shown(self.one()))

    def partial_update(self, request: Request) -> Response:
        row = self.one()
        self.change(row, self.body(row=row))
        return Response(self.shown(self.one()))

    def change(self, row: Any, body: Any) -> None:
        raise NotImplementedError


def _refused(request: HttpRequest, secret: str) -> HttpResponseBase:
    try:
        pace.take_unknown(request.META.get("REMOTE_ADDR") or "unknown")
    except errors.TooMany as error:
        return errors.too_many(error)
    return errors.not_authenticated(_why_not(secret))


def _why_not(secret: str) -> str:
    if not secret:
        return _("Send a management key as “Authorization: Bearer tgm-…”. An owner or admin makes one in the console.")
    if not secret.startswith(management_keys.PREFIX):
        return _(
            "This is no management key: those begin with tgm-. Applications' keys call models, and manage nothing."
        )
    return _("This management key is not known here, was revoked or has expired.")
