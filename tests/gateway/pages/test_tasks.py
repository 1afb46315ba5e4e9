"""Tasks in the console: read with their chains, written, switched, and what is left out of their conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.models import ContextPolicy, Model, RoutingRule, Task, TaskFallback
from tests.cast import Cast, ConsoleClient, in_console
from tests.pages import text_of

pytestmark = pytest.mark.django_db
LIST = "gateway/task/"
POLICY = {"is_active": "on", "keep_messages": "2", "block_messages": "1", "fits_budget": "on"}
TALK = (
    "\n".join(f"{role}: {role} says {number}" for number in range(3) for role in ("User", "Assistant")) + "\nUser: now"
)


def form(*models: Model, **fields: Any) -> dict[str, Any]:
    chain = {"chain_model": [str(model.pk) for model in models], "chain_weight": ["1"] * len(models)}
    return {"name": "Fresh", "slug": "fresh", "urgency": "background", "strategy": "fixed", **chain, **fields}


def models_of(task: Task) -> list[Model]:
    return [task.default_model, *(item.model for item in task.fallbacks.order_by("position"))]


class TestTheList:
    def test_shows_each_with_its_chain_in_order_its_own_first(self, cast: Cast, ada: ConsoleClient):
        TaskFallback.objects.create(task=cast.acme.task, model=cast.model)
        text = text_of(ada.get(ada.home + LIST))
        own, shared = text.split("Offered by the operator")
        assert f"<li>{cast.acme.model.name}</li><li>{cast.model.name}</li>" in own
        assert f"task/{cast.task.slug}" in shared
        assert "Globex" not in text

    def test_a_task_of_the_same_name_takes_the_place_of_the_operators(self, cast: Cast, ada: ConsoleClient):
        Task.objects.create(tenant=cast.acme.tenant, slug=cast.task.slug, name="Own", default_model=cast.model)
        assert "replaced by yours" in text_of(ada.get(ada.home + LIST)).split("Offered by the operator")[1]

    def test_without_one_says_what_it_is_for(self, cast: Cast, ada: ConsoleClient):
        Task.objects.filter(tenant=cast.acme.tenant).delete()
        assert "No task of yours yet" in text_of(ada.get(ada.home + LIST))


class TestWriting:
    def test_the_first_model_answers_and_the_others_stand_behind_it(self, cast: Cast, ada: ConsoleClient):
        response = ada.post(
            f"{ada.home}{LIST}add/",
            form(cast.model, cast.acme.model, likely_output_tokens="50", first_byte_ms="250", escapes_refusals="on"),
        )
        assert response.status_code == 302, text_of(response)
        task = Task.objects.get(slug="fresh")
        assert (task.tenant, models_of(task)) == (cast.acme.tenant, [cast.model, cast.acme.model])
        assert (task.likely_output_tokens, task.choice().first_byte_seconds, task.escapes_refusals) == (50, 0.25, True)

    def test_what_is_left_away_has_its_default(self, cast: Cast, ada: ConsoleClient):
        ada.post(f"{ada.home}{LIST}add/", form(cast.model))
        task = Task.objects.get(slug="fresh")
        assert (task.likely_output_tokens, task.choice().first_byte_seconds) == (300, 15.0)

    def test_a_chain_is_put_in_another_order(self, cast: Cast, ada: ConsoleClient):
        task = cast.acme.task
        TaskFallback.objects.create(task=task, model=cast.model)
        said = form(cast.model, cast.acme.model, slug=task.slug)
        assert ada.post(f"{ada.home}{LIST}{task.pk}/change/", said).status_code == 302
        task.refresh_from_db()
        assert models_of(task) == [cast.model, cast.acme.model]

    def test_renamed_tells_which_rules_still_ask_for_its_former_name(self, cast: Cast, ada: ConsoleClient):
        task = cast.acme.task
        said = form(cast.acme.model, slug="renamed")
        text = text_of(ada.post(f"{ada.home}{LIST}{task.pk}/change/", said, follow=True))
        assert f"Rule “Acme's rule” asks for task/{task.slug}, which is called otherwise now." in text

    def test_what_could_not_work_is_refused_beside_its_field(self, cast: Cast, ada: ConsoleClient):
        refused: list[tuple[dict[str, Any], str, str]] = [
            ({"slug": "a b"}, "slug", "Enter a valid “slug”"),
            ({"slug": "taken"}, "slug", "There is a task of this slug already"),
            ({"strategy": "weighted"}, "strategy", "is not one of the available choices"),
            ({"strategy": "cascade"}, "chain", "A cascade needs two models"),
            ({"likely_output_tokens": "0"}, "likely_output_tokens", "greater than or equal to 1"),
            ({"chain_model": []}, "chain", "Choose at least one model"),
        ]
        Task.objects.create(tenant=cast.acme.tenant, slug="taken", name="Taken", default_model=cast.model)
        for fields, place, says in refused:
            response = ada.post(f"{ada.home}{LIST}add/", {**form(cast.acme.model), **fields})
            assert response.status_code == 200
            assert says in str(response.context_data["form"].errors[place]), fields
        assert Task.objects.filter(tenant=cast.acme.tenant).count() == 2

    def test_a_model_twice_or_of_another_tenant_is_refused(self, cast: Cast, ada: ConsoleClient):
        for models, says in (
            ((cast.model, cast.model), "A model stands in a chain once."),
            ((cast.globex.model,), "One of these models is not there any more."),
        ):
            assert says in text_of(ada.post(f"{ada.home}{LIST}add/", form(*models)))
        assert not Task.objects.filter(slug="fresh").exists()

    def test_is_switched_off_and_on(self, cast: Cast, ada: ConsoleClient):
        for to, is_active in (("off", False), ("on", True)):
            assert ada.post(f"{ada.home}{LIST}{cast.acme.task.pk}/switch/", {"to": to}).status_code == 302
            cast.acme.task.refresh_from_db()
            assert cast.acme.task.is_active is is_active

    def test_leads_to_what_else_is_set_for_it(self, cast: Cast, ada: ConsoleClient):
        text = text_of(ada.get(f"{ada.home}{LIST}{cast.acme.task.pk}/change/"))
        for place in (
            f"gateway/routingrule/{cast.acme.rule.pk}/change/",
            f"gateway/routingrule/add/?task={cast.acme.task.slug}",
            f"gateway/task/{cast.acme.task.pk}/context/",
            f"gateway/cachepolicy/{cast.acme.cache_policy.pk}/change/",
        ):
            assert place in text


class TestContext:
    def address(self, client: ConsoleClient, task: Task) -> str:
        return f"{client.home}{LIST}{task.pk}/context/"

    def tried(self, client: ConsoleClient, task: Task, **fields: str) -> str:
        said = {**POLICY, "conversation": TALK, **fields}
        return text_of(client.post(f"{self.address(client, task)}preview/", said))

    def test_is_made_and_belongs_to_the_tasks_tenant(self, cast: Cast, ada: ConsoleClient):
        task = cast.acme.task
        said = {**POLICY, "summarises": "on", "summary_model": str(cast.acme.model.pk), "conversation": "Secret."}
        response = ada.post(self.address(ada, task), said)
        assert response.status_code == 302, text_of(response)
        policy = ContextPolicy.objects.get(task=task)
        assert (policy.tenant, policy.keep_messages, policy.summary_model) == (cast.acme.tenant, 2, cast.acme.model)
        assert (policy.summary_tokens, policy.embedding_wait_ms) == (400, 100)

    def test_what_makes_no_sense_is_refused_beside_its_field(self, cast: Cast, ada: ConsoleClient):
        refused: list[tuple[dict[str, Any], str, str]] = [
            ({"summarises": "on"}, "summary_model", "Name the model that writes the summaries"),
            ({"keep_messages": "0"}, "keep_messages", "greater than or equal to 1"),
            ({"max_input_tokens": "20"}, "max_input_tokens", "greater than or equal to 500"),
            ({"fits_budget": "", "max_input_tokens": "900"}, "max_input_tokens", "if the token limit is to be fitted"),
        ]
        for fields, place, says in refused:
            response = ada.post(self.address(ada, cast.acme.task), {**POLICY, **fields})
            assert says in str(response.context_data["form"].errors[place]), fields
            assert says in self.tried(ada, cast.acme.task, **fields)
        assert not ContextPolicy.objects.filter(task=cast.acme.task).exists()

    def test_a_conversation_is_tried_without_saving_anything(self, cast: Cast, ada: ConsoleClient):
        text = self.tried(ada, cast.acme.task)
        assert "% less" in text
        fates = [part.split('"')[0] for part in text.split('class="tg-turn-')[1:] if part[:4] in ("kept", "gone")]
        assert fates == ["gone"] * 4 + ["kept"] * 3
        assert "Every message stays." in self.tried(ada, cast.acme.task, keep_messages="50")
        assert not ContextPolicy.objects.filter(task=cast.acme.task).exists()

    def test_takes_a_body_its_messages_or_tells_what_is_wrong(self, cast: Cast, ada: ConsoleClient):
        messages = [{"role": "user", "content": "Hello"}]
        for said in (messages, {"messages": messages}, {"model": "x", "messages": messages}):
            assert "Every message stays." in self.tried(ada, cast.acme.task, conversation=json.dumps(said))
        for said, wrong in (
            ("", "Paste a conversation first."),
            ('{"messages": [', "This is no complete JSON"),
            ('{"a": 1}', "There is no list of messages in it."),
            ('[{"role": "assistant", "content": "x"}]', "It would go to the model as it is"),
        ):
            assert wrong in self.tried(ada, cast.acme.task, conversation=said)

    def test_tells_of_what_it_does_not_work_out(self, cast: Cast, ada: ConsoleClient):
        fields = {"relevant_turns": "3", "summarises": "on", "summary_model": str(cast.acme.model.pk), "is_active": ""}
        text = self.tried(ada, cast.acme.task, **fields)
        assert "Up to 3 exchanges of those left out come back" in text
        assert "A summary takes the place of what is left out" in text
        assert "It is switched off above" in text


class TestRights:
    @pytest.mark.parametrize("person", ["bob", "vera"])
    def test_who_may_only_look_is_shown_all_and_can_write_nothing(self, cast: Cast, person: str):
        client, task = in_console(getattr(cast, person), cast.acme.tenant), cast.acme.task
        ContextPolicy.objects.create(task=task, keep_messages=2, block_messages=1)
        assert f"task/{task.slug}" in text_of(client.get(client.home + LIST))
        for path in ("change/", "context/"):
            assert "An owner or admin of this tenant can change this" in text_of(
                client.get(f"{client.home}{LIST}{task.pk}/{path}")
            )
        before = list(Task.objects.order_by("pk").values())
        for path, said in (
            ("add/", form(cast.acme.model)),
            (f"{task.pk}/change/", form(cast.model)),
            (f"{task.pk}/switch/", {"to": "off"}),
            (f"{task.pk}/context/", {**POLICY, "keep_messages": "7"}),
        ):
            assert client.post(f"{client.home}{LIST}{path}", said).status_code == 403, path
        assert list(Task.objects.order_by("pk").values()) == before
        assert not ContextPolicy.objects.filter(keep_messages=7).exists()
        # Trying is looking: on the policy as it is saved, whatever is sent.
        tried = client.post(
            f"{client.home}{LIST}{task.pk}/context/preview/", {"conversation": TALK, "keep_messages": "50"}
        )
        assert text_of(tried).count('class="tg-turn-gone"') == 4

    def test_the_operators_task_is_shown_and_kept(self, cast: Cast, ada: ConsoleClient):
        address = f"{ada.home}{LIST}{cast.task.pk}/"
        assert "This task is the operator's" in text_of(ada.get(f"{address}change/"))
        assert "This task is the operator's" in text_of(ada.get(f"{address}context/"))
        for path, said in (("change/", form(cast.model)), ("switch/", {"to": "off"}), ("context/", POLICY)):
            assert ada.post(address + path, said).status_code == 403
        cast.task.refresh_from_db()
        assert cast.task.is_active

    def test_another_tenants_task_does_not_exist(self, cast: Cast, ada: ConsoleClient):
        rule = RoutingRule.objects.count()
        address = f"{ada.home}{LIST}{cast.globex.task.pk}/"
        for path in ("change/", "context/"):
            assert ada.get(address + path).status_code == 404
            assert ada.post(address + path, form(cast.acme.model)).status_code == 404
        for path in ("switch/", "context/preview/"):
            assert ada.post(address + path, {"to": "off"}).status_code == 404
        assert RoutingRule.objects.count() == rule
