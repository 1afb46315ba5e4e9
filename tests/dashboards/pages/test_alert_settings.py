"""The page of what a tenant is alerted of, and how its alerts lead to where one sees why."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from billing import alert_settings
from billing.models import Alert, AlertChannel, AlertSettings
from tests.cast import Cast, ConsoleClient, in_console
from tests.dashboards.alarms.made import look, rolled, steps

pytestmark = pytest.mark.django_db
FORM = {
    "p95_seconds": "2.5", "error_percent": "7.5", "hit_percent": "20", "quality_points": "4", "spend_least_usd": "12.50",
    "quiet_from": "22:00", "quiet_until": "06:30", "quiet_severity": "warning", "watch_latency": "on", "watch_errors": "on",
    "watch_quality": "on", "watch_breaker": "on",
}  # fmt: skip


def tasks(client: ConsoleClient) -> list[str]:
    form = client.get(f"{client.home}alerts/settings/").context["form"]
    found: list[str] = form.tasks
    return found


def test_an_admin_says_what_to_alert_of_and_it_is_noted(cast: Cast, ada: ConsoleClient):
    assert cast.acme.task.slug in tasks(ada)
    place = tasks(ada).index(cast.acme.task.slug)
    response = ada.post(f"{ada.home}alerts/settings/", {**FORM, f"task_{place}": "0.8"})
    assert response.status_code == 302
    row = alert_settings.of(cast.acme.tenant.pk)
    assert (row.p95_target_ms, row.task_p95_ms) == (2500, {cast.acme.task.slug: 800})
    assert (row.error_percent, row.hit_percent, row.quality_points) == (Decimal("7.5"), 20, 4)
    assert (row.spend_least_usd, row.off_kinds) == (Decimal("12.5"), ["hit_rate", "spend"])
    assert (row.quiet_from, row.quiet_until, row.quiet_severity) == (dt.time(22), dt.time(6, 30), "warning")
    entry = LogEntry.objects.get_for_object(row).get()
    assert entry.actor == cast.ada
    content = ada.get(f"{ada.home}alerts/settings/").content.decode()
    for shown in ('value="2.5"', 'value="0.8"', 'value="7.5"', 'value="12.5"', 'value="22:00"', 'value="06:30"'):
        assert shown in content
    assert ada.get(f"{ada.home}alerts/settings/").context["form"]["watch_spend"].value() is False


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"error_percent": "0"}, "greater than or equal to 0.01"),
        ({"error_percent": ""}, "This field is required"),
        ({"p95_seconds": "3601"}, "less than or equal to 3600"),
        ({"quiet_until": ""}, "when quiet hours begin and when they end"),
        ({"quiet_until": "22:00"}, "another time than they begin"),
        ({"quiet_severity": "odd"}, "Select a valid choice"),
        ({"task_0": "-1"}, "greater than or equal to 0.001"),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_is_saved(ada: ConsoleClient, wrong: dict[str, str], said: str):
    response = ada.post(f"{ada.home}alerts/settings/", {**FORM, **wrong})
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not AlertSettings.objects.exists()


def test_others_may_read_it_and_not_change_it(cast: Cast):
    for person in (cast.bob, cast.vera):
        client = in_console(person, cast.acme.tenant)
        content = client.get(f"{client.home}alerts/settings/").content.decode()
        assert "Owners and admins of this tenant change it." in content
        assert 'type="submit"' not in content.split("tg-watches")[1]
        assert client.post(f"{client.home}alerts/settings/", FORM).status_code == 403
    assert not AlertSettings.objects.exists()


def test_no_tenant_sees_or_changes_anothers(cast: Cast, ada: ConsoleClient):
    ada.post(f"{ada.home}alerts/settings/", FORM)
    charlie = in_console(cast.charlie, cast.globex.tenant)
    content = charlie.get(f"{charlie.home}alerts/settings/").content.decode()
    assert 'value="12.5"' not in content
    assert cast.acme.task.slug not in content
    assert charlie.get(f"{ada.home}alerts/settings/").status_code == 404
    assert charlie.post(f"{ada.home}alerts/settings/", {**FORM, "hit_percent": "33"}).status_code == 404
    assert alert_settings.of(cast.acme.tenant.pk).hit_percent == 20


def test_an_alert_leads_to_the_dashboard_that_shows_why_and_the_bell_rings_again_when_it_gets_worse(
    cast: Cast, ada: ConsoleClient
):
    Alert.objects.all().delete()
    now = timezone.now()
    steps(cast.acme.tenant, 3, good=50, bad=10, now=now)
    rolled(now)
    look(cast.acme.tenant, now)
    assert "Alerts: 1 new" in ada.get(f"{ada.home}alerts/bell/").content.decode()
    (alert,) = ada.get(f"{ada.home}alerts/").context["alerts"]
    assert alert["text"].startswith("30 of 180 requests (16.7 %) ended with an error")
    assert alert["link"].startswith(f"{ada.home}dashboards/errors/?from=")
    page = ada.get(alert["link"])
    assert page.status_code == 200
    assert "Error rate" in page.content.decode()
    assert "Alerts: nothing new" in ada.get(f"{ada.home}alerts/bell/").content.decode()
    later = timezone.now() + dt.timedelta(minutes=20)
    steps(cast.acme.tenant, 3, bad=60, now=later)
    rolled(later)
    assert look(cast.acme.tenant, later) == 1
    assert "Alerts: 1 new" in ada.get(f"{ada.home}alerts/bell/").content.decode()


def test_a_channel_says_which_kinds_it_wants(cast: Cast, ada: ConsoleClient):
    channel = cast.acme.channel
    form = {
        "kind": channel.kind, "target": channel.target, "name": channel.name, "minimum_threshold": "1", "minimum_severity": "info",
        "is_active": "on",
    }  # fmt: skip
    address = f"{ada.home}channels/{channel.pk}/"
    content = ada.post(address, form).content.decode()
    assert "Choose something, or switch the channel off." in content
    assert ada.post(address, {**form, "kinds": ["budget", "breaker"]}).status_code == 302
    muted = AlertChannel.objects.get(pk=channel.pk).muted_kinds
    assert muted == ["channel", "latency", "errors", "hit_rate", "quality", "spend", "cache"]
    assert ada.get(address).context["form"]["kinds"].value() == ["budget", "breaker"]
