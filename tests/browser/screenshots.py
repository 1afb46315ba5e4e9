"""`make screenshots`: pictures of every page in docs/screenshots/, light and dark, on data that is made for it and thrown away.

It says what axe-core finds seriously wrong with each page, and which do not fit a narrow window. PostgreSQL, Redis, the simulator and the
server are started for it; weeks of made traffic and a few requests of the demonstration's tenants fill the log. Names as arguments
(`console-*`) take those pictures only. A page that cannot be reached is told, and the others are taken all the same.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import os
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="tollgate-screenshots-"))
FOLDER.chmod(0o711)
os.environ["TOLLGATE_VAR"] = str(FOLDER)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

from config.embedded import session  # noqa: E402

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
COLOURS = 128
PASSWORD = "correct horse battery"
PROMPTS = (
    ("gpt-6-luna", "Where is my order?", "customer-1001"),
    ("claude-haiku-5-5", "Summarise this thread for me.", "customer-1002"),
    ("task/chat-support", "My invoice is wrong.", "customer-2001"),
    ("task/classify", "Is this spam?", "customer-1001"),
    ("no-such-model", "Anybody there?", ""),
)
WANTS_TOKEN = {"x-tollgate-feedback": "token"}
VOTES = {
    "Where is my order?": {"rating": "up"},
    "My invoice is wrong.": {
        "rating": "down",
        "reasons": ["incorrect", "tone"],
        "comment": "It was the amount that was wrong, not the address.",
    },
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="pictures, as they are called without the theme; * stands for anything"
    )
    parser.add_argument("--theme", choices=("light", "dark"), action="append", help="this one only")
    parser.add_argument("--narrow", type=Path, help="a folder for pictures of narrow windows, which are not kept")
    asked = parser.parse_args(arguments)
    services = session.start(FOLDER / "services", durable=False)
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = services.database_url, services.redis_url
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    try:
        import django

        django.setup()
        walk(asked)
    finally:
        services.stop()


def walk(asked: argparse.Namespace) -> None:
    from django.core.management import call_command

    from simulator.process import SimulatorProcess
    from tests.browser import browsing
    from tests.gateway.live import Gateway

    call_command("migrate", verbosity=0)
    with SimulatorProcess() as simulator:
        told = io.StringIO()
        call_command("seed_demo", simulator_url=simulator.base_url, json=True, stdout=told)
        call_command("seed_traffic", days=35, requests=8_000)
        with Gateway.running(FOLDER, TOLLGATE_OUTBOUND_ALLOW="127.0.0.1/32") as server, browsing.chromium() as browser:
            rating = fill(server, json.loads(told.getvalue())["api_key"], simulator.base_url)
            for theme in asked.theme or ("light", "dark"):
                take(browser, server.url, theme, asked, rating)


def fill(server: Any, key: str, simulator_url: str) -> str:
    """A few requests in the log, and thumbs on some answers. Returns the token of one that can be rated."""
    from django_redis import get_redis_connection

    from dashboards import rolling
    from gateway import drain, votes
    from gateway.content import keeping
    from tenants.models import Tenant

    store_content()
    rating = ""
    for model, prompt, end_user in PROMPTS * 3:
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "user": end_user or "customer-1003"}
        reply = server.request(
            "POST", "/v1/chat/completions", json.dumps(body).encode(), authorization=f"Bearer {key}", **WANTS_TOKEN
        )
        rating = reply.headers.get("x-tollgate-feedback-token") or rating
        if vote := VOTES.get(prompt):
            said = {**vote, "request_id": reply.headers["x-request-id"], "user": end_user}
            server.request("POST", "/v1/feedback", json.dumps(said).encode(), authorization=f"Bearer {key}")
    protect()
    judge()
    invite()
    found()
    settle(simulator_url)
    alarm()
    for tenant in Tenant.objects.all():
        drain.drain(get_redis_connection("default"), tenant.pk)
        keeping.store(get_redis_connection("default"), tenant.pk)
    votes.match()
    rolling.roll_up(dt.datetime.now(dt.UTC))
    return rating


def protect() -> None:
    """Somebody with recovery codes, and somebody with an authenticator app."""
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.contrib.auth.models import User

    RecoveryCodes.activate(User.objects.get(username="bob@acme.example"))
    TOTP.activate(User.objects.get(username="dan@globex.example"), generate_totp_secret())


def store_content() -> None:
    from gateway import content_policies
    from tenants.models import Tenant

    policy = content_policies.of(Tenant.objects.get(slug="acme"))
    policy.is_on = True
    content_policies.save(policy)


def judge() -> None:
    """Who judges, by what rubric; and a circuit breaker that was open."""
    from django.utils import timezone

    from gateway.models import BreakerChange, JudgePolicy, Model
    from tenants.models import Tenant

    acme, now = Tenant.objects.get(slug="acme"), timezone.now()
    model = Model.objects.filter(tenant=None, capabilities__contains=["chat"]).order_by("name")[0]
    rubric = "Keeps every figure and name of the text.\nHas at most five sentences.\nBad: says what the text does not."
    JudgePolicy.objects.create(tenant=acme, task="summarise", rubric=rubric, judge=model.name, share_percent=5)
    for minutes, state in (
        (3000, "open"),
        (2999, "half-open"),
        (2998, "open"),
        (2950, "closed"),
        (700, "open"),
        (640, "closed"),
    ):
        BreakerChange.objects.create(
            entry=str(minutes), provider_id=model.provider_id, upstream_id=model.effective_upstream_id, state=state,
            at=now - dt.timedelta(minutes=minutes),
        )  # fmt: skip


def invite() -> None:
    """Somebody who has not come yet."""
    from django.utils import timezone

    from tenants import invitations
    from tenants.models import Invitation, Tenant
    from tests.browser.screenshot_pages import TOKEN

    Invitation.objects.create(
        tenant=Tenant.objects.get(slug="acme"),
        email="nina@acme.example",
        role="developer",
        token_sha256=invitations.digest(TOKEN),
        expires_at=timezone.now() + dt.timedelta(days=7),
    )


def alarm() -> None:
    """Something that is the matter, and something that was."""
    from django.utils import timezone

    from billing import episodes
    from billing.models import Severity
    from tenants.models import Tenant

    acme, now = Tenant.objects.get(slug="acme"), timezone.now()
    for kind, severity, name, text, minutes in (
        (
            "errors",
            Severity.WARNING,
            "Errors: 12 % of requests",
            "84 of 700 requests (12 %) ended with an error; the limit is 5 %.",
            25,
        ),
        (
            "latency",
            Severity.CRITICAL,
            "Slow answers of task chat-support: p95 is 14.2 s",
            "95 % of the answers of task chat-support took up to 14.2 s; the target is 5 s. 61 of 410 took longer than that.",
            190,
        ),
    ):
        at = now - dt.timedelta(minutes=minutes)
        page = f"dashboards/{kind}/?range=6h"
        episodes.begin(acme.pk, kind=kind, source="tenant", severity=severity, name=name, text=text, at=at, view=page)
    episodes.resolve(acme.pk, kind="latency", source="tenant", at=now - dt.timedelta(minutes=120))


def settle(simulator_url: str) -> None:
    """What a tenant has that has been at it for a while: a provider and a task of its own, and something learnt."""
    from django.utils import timezone

    from gateway.models import ContextPolicy, LabeledAnswer, Model, Provider, SemanticCheck, SemanticWatch, Task
    from gateway.quality.labels import record
    from tenants.ids import uuid7
    from tenants.models import Tenant

    acme, now = Tenant.objects.get(slug="acme"), timezone.now()
    provider = Provider.objects.create(
        tenant=acme,
        name="own-gpus",
        kind="openai-compatible",
        base_url=f"{simulator_url}/v1",
        credential="sk-none",
    )
    prices = {"input_usd_per_mtok": "0.2", "output_usd_per_mtok": "0.6"}
    model = Model.objects.create(
        tenant=acme, provider=provider, name="acme-llama", capabilities=["chat", "streaming"], quality=58, **prices
    )
    task = Task.objects.create(tenant=acme, slug="help-desk", name="Answers of the help desk", default_model=model)
    ContextPolicy.objects.create(tenant=acme, task=task, keep_messages=12, relevant_turns=2)
    for number, (prompt, is_good) in enumerate((("Where is my order?", True), ("Cancel my plan.", False)), start=1):
        source = LabeledAnswer.Source.THUMBS
        record(
            acme.pk, request_id=uuid7(), prompt=prompt, answer="…", is_good=is_good, source=source, task="chat-support"
        )
        SemanticCheck.objects.create(
            tenant=acme, request_id=uuid7(), entry_id=uuid7(), origin=uuid7(), task="chat-support", similarity=0.95 + number / 100,
            status="right" if is_good else "wrong", how="judged by gpt-6-luna", hit_at=now, checked_at=now,
        )  # fmt: skip
    SemanticWatch.objects.create(tenant=acme, task="chat-support", since=now - dt.timedelta(days=7))


def found() -> None:
    """A tenant that has nothing yet, with somebody who is to set it up."""
    from django.contrib.auth.models import User

    from tenants.models import Membership, Tenant
    from tests.browser.screenshot_pages import NEWCOMER

    ina = User.objects.create_user(NEWCOMER, NEWCOMER, first_name="Ina")
    Membership.objects.create(tenant=Tenant.objects.create(name="Initech", slug="initech"), user=ina, role="owner")


def sign_in(page: Any, url: str, user: Any) -> None:
    """As people do."""
    user.set_password(PASSWORD)
    user.save()
    page.goto(f"{url}/account/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state()


def confirm(page: Any, url: str, user: Any) -> None:
    """Sign in, and give the password once more."""
    sign_in(page, url, user)
    page.goto(f"{url}/account/reauthenticate/?next=/account/2fa/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/account/2fa/")


def take(browser: Any, url: str, theme: str, asked: argparse.Namespace, rating: str) -> None:
    from django.contrib.auth.models import User
    from playwright.sync_api import Error

    from tests.browser import browsing
    from tests.browser.screenshot_pages import SHOTS

    for shot in SHOTS:
        if asked.names and not any(fnmatch(shot.name, name) for name in asked.names):
            continue
        user = User.objects.get(username=shot.who) if shot.who else None
        by_form = shot.confirms or shot.signs_in
        with browsing.visitor(browser, url, user=None if by_form else user, theme=theme) as window:
            window.context.set_default_timeout(8_000)
            try:
                page = reach(window, shot, user, rating)
            except Error as error:
                print(f"  {shot.name}, {theme}: not taken: {str(error).splitlines()[0]}")  # noqa: T201
                continue
            save(page.screenshot(), PICTURES / f"{shot.name}-{theme}.png")
            for found in [*faults(window), *window.errors]:
                print(f"  {shot.name}, {theme}: {found}")  # noqa: T201
            if asked.narrow:
                asked.narrow.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=asked.narrow / f"{shot.name}-{theme}.png")


def reach(window: Any, shot: Any, user: Any, rating: str) -> Any:
    """The page of the picture, as it is to be seen. Raises Playwright's `Error`."""
    if shot.confirms:
        confirm(window.page, window.url, user)
    if shot.signs_in:
        sign_in(window.page, window.url, user)
    page = window.goto(shot.path.format(rating=rating)) if shot.path else window.page
    for link in shot.follows:
        by_css = link.startswith("css=")
        found = page.locator(link) if by_css else page.get_by_role("link", name=link, exact=True)
        found.first.click()
        page.wait_for_load_state()
    page.evaluate("document.fonts.ready")
    if shot.click:
        page.get_by_role("button", name=shot.click).first.click()
    if shot.until:
        page.get_by_text(shot.until, exact=True).wait_for()
    return page


def faults(window: Any) -> list[str]:
    """What axe-core finds seriously wrong with the page, and whether a narrow window has to be scrolled sideways."""
    from tests.browser import browsing

    found: list[str] = window.violations()
    window.page.set_viewport_size(browsing.NARROW)
    window.page.wait_for_timeout(300)  # charts are drawn anew
    width = window.page.evaluate("document.documentElement.scrollWidth")
    return found if width <= browsing.NARROW["width"] else [*found, f"{width} px wide in a narrow window"]


def save(png: bytes, path: Path) -> None:
    """With a palette: a third of the size, and nobody sees it."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    print(path.relative_to(PICTURES.parents[1]), f"{path.stat().st_size // 1024} KiB")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
