"""Routing rules as an admin orders them: what is explained changes with the order, without a page being loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from gateway.models import Model, RoutingRule, RoutingTarget
from tests.browser.browsing import NARROW, Visitor
from tests.cast import Cast

PAGES = ("gateway/routingrule/", "gateway/routingrule/{rule}/change/", "gateway/routingrule/add/", "gateway/task/")
OTHERS = ("gateway/task/{task}/change/", "gateway/task/{task}/context/", "gateway/task/add/", "gateway/routingrule/")


@pytest.fixture
def rules(live_cast: Cast) -> Iterator[list[str]]:
    """Two rules of Acme's for the same requests, each to a model of its own."""
    tenant, other = live_cast.acme.tenant, Model.objects.get(upstream_id="gpt-4o", provider=live_cast.provider)
    models = [live_cast.model, other]
    RoutingRule.objects.filter(tenant=tenant).delete()
    for name, tags, model in zip(("Everything", "Batches"), ([], ["batch"]), models, strict=True):
        made = RoutingRule.objects.create(
            tenant=tenant, name=name, tags=tags, requested_models=["*"], position=10 + len(tags)
        )
        RoutingTarget.objects.create(rule=made, model=model)
    yield ["Everything", "Batches"]
    RoutingRule.objects.filter(tenant=tenant).delete()


def expect_order(page: Page, *names: str) -> None:
    expect(page.locator("[data-rules-order] h3 a")).to_have_text(names)


def test_ordering_two_rules_changes_what_is_explained(visit: Callable[..., Visitor], live_cast: Cast, rules: list[str]):
    page = visit(user=live_cast.ada).goto(f"/t/{live_cast.acme.tenant.slug}/gateway/routingrule/")
    page.evaluate("window.isTheSamePage = true")
    expect_order(page, "Everything", "Batches")
    expect(page.get_by_text("“Everything”, which is asked before it, takes all of its requests.")).to_be_visible()
    page.get_by_label("Task or model").fill(live_cast.model.name)
    page.get_by_text("Who asks, when, and how budgets stand").click()
    page.get_by_label("Tags").fill("batch")
    page.get_by_role("button", name="Explain").click()
    answer = page.locator("#answer")
    expect(answer).to_contain_text("Rule “Everything” (the tenant's) decides")

    # By keyboard, and the focus stays with the rule.
    page.get_by_role("button", name="Move up: Batches").press("Enter")
    expect(page.get_by_text("Saved. The new order decides from the next request on.")).to_be_visible()
    expect(answer).to_contain_text("Rule “Batches” (the tenant's) decides")
    expect_order(page, "Batches", "Everything")
    expect(page.get_by_role("button", name="Move down: Batches")).to_be_focused()
    expect(page.get_by_text("takes all of its requests")).to_have_count(0)

    # By dragging, back again.
    handles = page.locator("[data-rules-order] [data-order-handle]")
    above, below = handles.nth(0).bounding_box(), handles.nth(1).bounding_box()
    assert above is not None
    assert below is not None
    page.mouse.move(above["x"] + 8, above["y"] + 8)
    page.mouse.down()
    page.mouse.move(below["x"] + 8, below["y"] + 60, steps=4)
    page.mouse.up()
    expect(answer).to_contain_text("Rule “Everything” (the tenant's) decides")
    expect_order(page, "Everything", "Batches")
    in_force = RoutingRule.objects.filter(tenant=live_cast.acme.tenant).order_by("position")
    assert list(in_force.values_list("name", flat=True)) == ["Everything", "Batches"]

    page.get_by_role("switch", name="In use: Everything").click()
    expect(answer).to_contain_text("Rule “Batches” (the tenant's) decides")

    # Somebody else was quicker: nothing is moved, and what is so is shown.
    RoutingRule.objects.filter(tenant=live_cast.acme.tenant, name="Batches").update(position=1)
    page.get_by_role("button", name="Move down: Everything").click()
    expect(page.get_by_text("Somebody has changed the rules meanwhile.")).to_be_visible()
    expect_order(page, "Batches", "Everything")
    assert page.evaluate("window.isTheSamePage")


@pytest.mark.parametrize(("theme", "paths"), [("light", PAGES), ("dark", OTHERS)])
def test_no_page_is_seriously_inaccessible_or_wider_than_a_narrow_screen(
    visit: Callable[..., Visitor], live_cast: Cast, rules: list[str], theme: str, paths: tuple[str, ...]
):
    window = visit(user=live_cast.ada, theme=theme, viewport=NARROW)
    rule = RoutingRule.objects.filter(tenant=live_cast.acme.tenant, name=rules[0]).get()
    for path in paths:
        page = window.goto(f"/t/{live_cast.acme.tenant.slug}/{path.format(rule=rule.pk, task=live_cast.acme.task.pk)}")
        assert window.violations() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


def test_a_chain_is_put_in_order_in_the_form(visit: Callable[..., Visitor], live_cast: Cast):
    task = live_cast.acme.task
    page = visit(user=live_cast.ada).goto(f"/t/{live_cast.acme.tenant.slug}/gateway/task/{task.pk}/change/")
    page.get_by_role("button", name="Add a model").click()
    added = page.get_by_label("Model").nth(1)
    expect(added).to_be_focused()
    added.select_option(str(live_cast.model.pk))
    page.get_by_role("button", name="Move up").nth(1).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is in force like this from the next request on.")).to_be_visible()
    task.refresh_from_db()
    assert (task.default_model, task.fallbacks.get().model) == (live_cast.model, live_cast.acme.model)
