"""Alert channels: making and changing them, confirming addresses, new secrets. What they are told, and when, is not decided here.

An e-mail address belongs to somebody, who may not want a tenant's alerts: it is sent a link first, and gets alerts once somebody has
opened that link and said yes. A link is for one channel and one address, and holds for a week.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from billing import channels, episodes
from billing.channels import DeliveryError, Destination, Message
from billing.models import Alert, AlertChannel, Severity
from billing.models.channels import new_secret
from tenants import outbound, tenancy
from tenants.encryption import UndecryptableError
from tenants.ids import uuid7
from tenants.models import Tenant

logger = logging.getLogger(__name__)

Kind = AlertChannel.Kind
LINK_DAYS = 7
SALT = "tollgate.alert-channel"
PAUSE_SECONDS = 60  # between two links to one address
LINKS_A_DAY = 30  # of a tenant: nobody is to mail strangers through Tollgate
OVERLAP = dt.timedelta(hours=24)  # in which messages are signed with the former secret as well


@dataclass(frozen=True)
class Values:
    """What people set of a channel."""

    name: str
    kind: str
    target: str
    minimum_threshold: int = 1
    minimum_severity: str = Severity.INFO
    muted_kinds: list[str] = field(default_factory=list)
    is_active: bool = True


def create(tenant: Tenant, values: Values) -> AlertChannel:
    """Raises `ValidationError`. An e-mail address is still to be confirmed (`ask_to_confirm`)."""
    channel = AlertChannel(tenant=tenant, **vars(values))
    _check(channel, is_new_address=True)
    channel.save()
    return channel


def change(channel: AlertChannel, values: Values, *, now: dt.datetime) -> None:
    """Raises `ValidationError`. Another address is confirmed anew; whoever switches a channel on again settles why it was off."""
    is_new_address = (channel.kind, channel.target) != (values.kind, values.target)
    is_on_again = values.is_active and not channel.is_active
    _drop_lost_secret(channel)
    for name, value in vars(values).items():
        setattr(channel, name, value)
    if channel.kind != Kind.WEBHOOK:
        channel.secret = channel.former_secret = ""
    _check(channel, is_new_address=is_new_address)
    if is_new_address:
        forget_confirmation(channel)
    if is_on_again:
        note_on_again(channel, now)
    channel.save()


def forget_confirmation(channel: AlertChannel) -> None:
    """The channel has another address, and is to be saved."""
    channel.confirmed_at = channel.confirmation_sent_at = None


def note_on_again(channel: AlertChannel, now: dt.datetime) -> None:
    """Somebody has switched the channel on again, and is to save it: why it was off is settled."""
    channel.off_because = ""
    episodes.resolve(channel.tenant_id, kind=Alert.Kind.CHANNEL, source=str(channel.pk), at=now, is_told=False)


def switch_off(channel_id: UUID, *, because: str, now: dt.datetime) -> None:
    """Tollgate's own doing, once a receiver has said that it is gone: the tenant's other channels are told. Idempotent."""
    channel = AlertChannel.objects.filter(pk=channel_id, is_active=True).defer("secret", "former_secret").first()
    if channel is None:
        return
    channel.is_active, channel.off_because = False, because
    channel.save(update_fields=["is_active", "off_because"])
    episodes.begin(
        channel.tenant_id,
        kind=Alert.Kind.CHANNEL,
        source=str(channel.pk),
        severity=Severity.WARNING,
        name=_("Alert channel “%(name)s” was switched off") % {"name": channel.name},
        text=_(
            "The alert channel “%(name)s” was switched off, for its receiver answers that it is gone (%(why)s) "
            "It gets no more alerts until somebody switches it on again."
        )
        % {"name": channel.name, "why": because},
        data={"channel": channel.name},
        at=now,
    )


def rotate_secret(channel: AlertChannel, *, now: dt.datetime) -> str:
    """Give a signed webhook a new secret, and return it. For a day messages are signed with the former one as well."""
    _drop_lost_secret(channel)
    former = channel.secret
    channel.former_secret, channel.former_until = former, now + OVERLAP
    channel.secret = new_secret()
    channel.save()
    return str(channel.secret)


def ask_to_confirm(channel: AlertChannel, *, link: Callable[[str], str], now: dt.datetime) -> None:
    """Send the address a link; `link` makes one of a token. Raises `DeliveryError`, also if that would be too often."""
    if not channel.awaits_confirmation:
        return
    if channel.confirmation_sent_at and now - channel.confirmation_sent_at < dt.timedelta(seconds=PAUSE_SECONDS):
        raise DeliveryError(_("A link was sent within the last minute. Look for it, or wait a little."))
    if not _may_send_link(channel.tenant_id, now):
        raise DeliveryError(_("This tenant has sent many confirmation links today. Try again tomorrow."))
    url = link(token(channel))
    words = {"tenant": channel.tenant.name, "url": url, "days": LINK_DAYS}
    message = Message(
        id=f"msg_{uuid7().hex}",
        event="channel.confirm",
        at=now,
        subject=_("%(tenant)s: get alerts at this address?") % words,
        text=_(
            "Somebody at %(tenant)s wants Tollgate to send alerts about budgets and usage to this address.\n\n"
            "If that is right, confirm it here:\n%(url)s\n\n"
            "The link holds for %(days)d days. If you do not expect this, do nothing: no alert is sent to an address "
            "that nobody has confirmed."
        )
        % words,
        data={},
    )
    channels.send(Destination(channel.kind, channel.target), message, now)
    channel.confirmation_sent_at = now
    AlertChannel.objects.filter(pk=channel.pk).update(confirmation_sent_at=now)


def token(channel: AlertChannel) -> str:
    return signing.dumps(
        {"tenant": str(channel.tenant_id), "channel": str(channel.pk), "target": channel.target}, salt=SALT
    )


@dataclass(frozen=True)
class Asked:
    """What a link is about."""

    channel: AlertChannel
    tenant: Tenant


def asked(text: str) -> Asked | None:
    """What the token is about; None if it is none, too old, or for an address that the channel no longer has."""
    try:
        told = signing.loads(text, salt=SALT, max_age=dt.timedelta(days=LINK_DAYS))
    except signing.BadSignature:
        return None
    with tenancy.entered(UUID(told["tenant"])):
        rows = AlertChannel.objects.select_related("tenant").defer("secret", "former_secret")
        channel = rows.filter(pk=told["channel"], kind=Kind.EMAIL, target=told["target"]).first()
    return Asked(channel, channel.tenant) if channel is not None else None


def confirm(question: Asked, *, now: dt.datetime) -> None:
    """The address's owner says yes. Idempotent."""
    with tenancy.entered(question.tenant.pk):
        channel = question.channel
        if channel.confirmed_at is None:
            channel.confirmed_at = now
            channel.save(update_fields=["confirmed_at"])


def _check(channel: AlertChannel, *, is_new_address: bool) -> None:
    channel.full_clean()
    if is_new_address and channel.kind != Kind.EMAIL:
        try:
            outbound.check(channel.target)
        except outbound.Refused as error:
            raise ValidationError({"target": str(error)}) from error


def has_lost_secret(channel: AlertChannel) -> bool:
    """Whether no key opens the channel's secret, so that nothing can be signed with it."""
    try:
        AlertChannel.objects.only("secret", "former_secret").get(pk=channel.pk)
    except UndecryptableError:
        return True
    return False


def _drop_lost_secret(channel: AlertChannel) -> None:
    """The audit trail reads what is being replaced, so what cannot be read goes first. A webhook's next `save` makes a new one."""
    if has_lost_secret(channel):
        AlertChannel.objects.filter(pk=channel.pk).update(secret="", former_secret="")
        channel.secret = channel.former_secret = ""


def _may_send_link(tenant_id: UUID, now: dt.datetime) -> bool:
    key = f"channel-links:{tenant_id}:{now:%Y%m%d}"
    cache.add(key, 0, timeout=2 * 86_400)
    return int(cache.incr(key)) <= LINKS_A_DAY
