"""`Idempotency-Key`: what is sent twice is done once, and whoever sends it again is told what came of it."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tenants import tasks
from tenants.models import ApiKey, KeptResult
from tests.cast import Cast, build_cast
from tests.management import Script, error_of, script

NEW = {"name": "bot", "scopes": ["chat"]}


@pytest.mark.django_db
def test_the_same_request_again_is_told_the_first_result_with_its_secret(cast: Cast):
    ada = script(cast.acme.tenant)
    first = ada.post("keys", NEW, idempotency_key="one")
    again = ada.post("keys", dict(reversed(NEW.items())), idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.headers.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert ApiKey.objects.filter(name="bot").count() == 1


@pytest.mark.django_db
def test_what_is_kept_is_encrypted_and_forgotten_after_a_day(cast: Cast):
    secret = script(cast.acme.tenant).post("keys", NEW, idempotency_key="one").json()["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT body, key FROM tenants_keptresult")
        assert secret not in str(cursor.fetchall())
    KeptResult.objects.update(created_at=timezone.now() - dt.timedelta(hours=23))
    assert tasks.forget_kept_results() == 0
    KeptResult.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))
    assert tasks.forget_kept_results() == 1


@pytest.mark.django_db
def test_another_request_with_the_same_key_is_refused(cast: Cast):
    ada = script(cast.acme.tenant)
    ada.post("keys", NEW, idempotency_key="one")
    for path, body in (("keys", {**NEW, "name": "other"}), (f"keys/{cast.acme.key.api_key.pk}/revoke", None)):
        assert error_of(ada.post(path, body, idempotency_key="one"), 422)["code"] == "idempotency_key_reused"
    assert ApiKey.objects.get(pk=cast.acme.key.api_key.pk).revoked_at is None
    assert not ApiKey.objects.filter(tenant=cast.acme.tenant, name="other").exists()


@pytest.mark.django_db
def test_others_may_use_the_same_key_for_theirs(cast: Cast):
    callers = (script(cast.acme.tenant), script(cast.acme.tenant), script(cast.globex.tenant))
    made = {caller.post("keys", NEW, idempotency_key="one").json()["id"] for caller in callers}
    assert len(made) == 3


@pytest.mark.django_db
def test_a_refusal_is_not_kept(cast: Cast):
    ada = script(cast.acme.tenant)
    error_of(ada.post("keys", {"name": "bot"}, idempotency_key="one"), 400)
    assert KeptResult.objects.count() == 0
    assert ada.post("keys", NEW, idempotency_key="one").status_code == 201
    error_of(ada.post("keys", NEW, idempotency_key="ö" * 3), 400)
    error_of(ada.post("keys", NEW, idempotency_key="x" * 201), 400)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_does_it():
    cast = build_cast()
    ada = script(cast.acme.tenant)
    secret = ada.headers["authorization"].removeprefix("Bearer ")
    ready, answers = threading.Barrier(4), []

    def ask() -> None:
        try:
            ready.wait()
            response: Any = Script(secret).post("keys", NEW, idempotency_key="one")
            answers.append((response.status_code, response.json().get("id")))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1, answers
    assert answers[0][0] == 201
    assert ApiKey.objects.filter(tenant=cast.acme.tenant, name="bot").count() == 1
