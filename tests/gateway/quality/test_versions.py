"""A model is trained from its owner's labels alone, and put in force only if it measures no worse than the one that is."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from gateway import tasks
from gateway.models import LabeledAnswer, QualityModel
from gateway.quality import classifier, labels, shipped, training, versions
from gateway.quality.training import Row
from tenants.models import Tenant
from tests.cast import Cast
from tests.gateway.quality.samples import SAMPLE, as_lines, rows

pytestmark = pytest.mark.django_db
RIGHT = ("5 boxes of 7 lamps. How many lamps?", "5 * 7 = 35 lamps.\n#### 35")


@pytest.fixture(autouse=True)
def _as_installed(db: None) -> None:
    """The shipped model is there, though a test that commits may have emptied the database before."""
    if not QualityModel.objects.filter(tenant=None).exists():
        import_module("gateway.migrations.0008_quality").add_shipped_model(apps, None)


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    cast.acme.quality_model.delete()
    cast.acme.label.delete()
    return cast.acme.tenant


def learn(tenant: Tenant | None, labelled: list[Row]) -> None:
    labels.import_lines(tenant.id if tenant else None, as_lines(labelled).splitlines())


def test_a_fresh_install_has_the_shipped_model_as_shared_version_1(acme: Tenant):
    row = QualityModel.objects.get(tenant=None)
    assert (row.version, row.is_active, row.payload) == (1, True, shipped.read()["payload"])
    found = versions.in_force(acme.id)
    assert (found.version, found.is_shared, len(found.unseen)) == (1, True, shipped.read()["rows"])
    assert found.classifier == classifier.parse(shipped.read()["payload"])


def test_too_few_labels_leave_the_shared_model_in_force(acme: Tenant):
    learn(acme, rows(60))
    assert versions.train_tenant(acme) is None
    assert versions.in_force(acme.id).is_shared


def test_a_better_model_is_put_in_force_for_its_tenant_alone(cast: Cast, acme: Tenant):
    learn(acme, rows(200, good_means_right=False))  # what the shared model takes for wrong
    trained = versions.train_tenant(acme)
    assert trained is not None
    assert trained.model.is_active
    assert trained.metrics.auc is not None
    assert trained.before.auc is not None
    assert trained.metrics.auc > 0.9 > trained.before.auc
    found = versions.in_force(acme.id)
    assert (found.version, found.is_shared, len(found.unseen)) == (1, False, 200)
    assert found.classifier.probability(*RIGHT) < 0.3
    assert versions.in_force(cast.globex.tenant.id).is_shared
    assert trained.model.rows + trained.metrics.answers == 200


def test_a_worse_model_is_kept_but_not_put_in_force(acme: Tenant):
    learn(acme, rows(200))
    good = training.fit([*rows(600, seed=1)])
    in_force = QualityModel.objects.create(
        tenant=acme, version=1, payload=good, metrics={}, rows=600, trained_at="2026-01-01T00:00Z"
    )
    versions.activate(in_force)
    labelled = [row for row in rows(200) if not versions.is_held_out(row.prompt)]
    confused = [Row(row.prompt, row.answer, row.is_good is not (n % 3 == 0)) for n, row in enumerate(labelled)]
    learn(acme, confused)  # the later word counts
    trained = versions.train_tenant(acme)
    assert trained is not None
    assert trained.metrics.is_worse_than(trained.before)
    assert (trained.model.version, trained.model.is_active) == (2, False)
    assert versions.in_force(acme.id).version == 1


def test_held_out_prompts_are_never_trained_on(acme: Tenant):
    learn(acme, rows(200))
    first = versions.train_tenant(acme)
    assert first is not None
    turned = [Row(row.prompt, row.answer, not row.is_good) for row in rows(200) if versions.is_held_out(row.prompt)]
    assert len(turned) == first.metrics.answers
    learn(acme, turned)
    second = versions.train_tenant(acme)
    assert second is not None
    assert second.model.payload == first.model.payload


def test_nothing_new_trains_nothing(acme: Tenant):
    learn(acme, rows(200))
    assert versions.train_tenant(acme) is not None
    assert versions.train_tenant(acme) is None
    learn(acme, rows(1, seed=9))
    assert versions.train_tenant(acme) is not None


def test_the_shared_model_learns_from_the_operators_labels_alone(acme: Tenant):
    learn(acme, rows(200))
    assert versions.train_shared() is None
    learn(None, rows(200, seed=2, good_means_right=False))
    trained = versions.train_shared()
    assert trained is not None
    assert (trained.model.tenant, trained.model.version, trained.model.is_active) == (None, 2, True)
    assert trained.model.rows + trained.metrics.answers == 200
    assert not QualityModel.objects.get(tenant=None, version=1).is_active


def test_old_versions_go_and_the_one_in_force_stays(acme: Tenant):
    for version in range(1, 8):
        QualityModel.objects.create(
            tenant=acme,
            version=version,
            is_active=version == 1,
            payload=shipped.read()["payload"],
            metrics={},
            rows=1,
            trained_at="2026-01-01T00:00Z",
        )
    learn(acme, rows(200))
    assert versions.train_tenant(acme) is not None
    kept = QualityModel.objects.filter(tenant=acme).order_by("version")
    assert list(kept.values_list("version", flat=True)) in ([1, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8])
    assert kept.filter(is_active=True).count() == 1
    assert QualityModel.objects.filter(tenant=None).exists()


def test_putting_a_version_in_force_reaches_the_gateways(cast: Cast, acme: Tenant):
    def seen() -> list[int]:
        return [Tenant.objects.get(pk=one.pk).config_version for one in (acme, cast.globex.tenant)]

    row = QualityModel.objects.create(
        tenant=acme, version=1, payload=shipped.read()["payload"], metrics={}, rows=1, trained_at="2026-01-01T00:00Z"
    )
    before = seen()
    versions.activate(row)
    assert [after > was for after, was in zip(seen(), before, strict=True)] == [True, False]
    before = seen()
    versions.activate(QualityModel.objects.get(tenant=None))
    assert [after > was for after, was in zip(seen(), before, strict=True)] == [True, True]


def test_one_version_is_in_force(acme: Tenant):
    fields: dict[str, Any] = {
        "payload": {},
        "metrics": {},
        "rows": 1,
        "trained_at": "2026-01-01T00:00Z",
        "is_active": True,
    }
    for tenant in (acme, None):
        QualityModel.objects.filter(tenant=tenant, is_active=True).delete()
        QualityModel.objects.create(tenant=tenant, version=8, **fields)
        with pytest.raises(IntegrityError), transaction.atomic():
            QualityModel.objects.create(tenant=tenant, version=9, **fields)


def test_a_model_that_cannot_be_scored_with_is_passed_over(acme: Tenant):
    QualityModel.objects.create(
        tenant=acme,
        version=1,
        is_active=True,
        payload={"format": 99},
        metrics={},
        rows=1,
        trained_at="2026-01-01T00:00Z",
    )
    assert versions.in_force(acme.id).is_shared
    shared = QualityModel(version=2, payload={}, metrics={}, rows=1, trained_at="2026-01-01T00:00Z")
    versions.activate(shared)
    assert versions.in_force(acme.id).version == 0


def test_tenants_share_the_shared_model_in_memory(cast: Cast, acme: Tenant):
    assert versions.in_force(acme.id).classifier is versions.in_force(cast.globex.tenant.id).classifier


def test_the_daily_task_trains_who_has_enough(cast: Cast, acme: Tenant):
    learn(acme, rows(200))
    learn(cast.globex.tenant, rows(30))
    assert tasks.train_quality_models() == 1
    assert tasks.train_quality_models() == 0
    assert QualityModel.objects.filter(tenant=acme).count() == 1


def test_the_later_word_of_a_source_counts(acme: Tenant):
    request_id = uuid4()
    for is_good in (True, False):
        labels.record(
            acme.id,
            request_id=request_id,
            prompt="p\0",
            answer="a",
            is_good=is_good,
            source=LabeledAnswer.Source.THUMBS,
            task="faq",
        )
    labels.record(
        acme.id, request_id=request_id, prompt="p", answer="a", is_good=True, source=LabeledAnswer.Source.JUDGE
    )
    assert labels.training_rows(acme.id) == [Row("p", "a", False, 1.0), Row("p", "a", True, 0.5)]


def test_labels_are_imported_once_however_often(acme: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "labels.jsonl"
    file.write_text(as_lines(rows(3)) + "\n")
    for _ in range(2):
        call_command("import_labels", str(file), "--tenant", acme.slug)
    assert capsys.readouterr().out == f"3 labels imported for {acme.slug}\n" * 2
    assert labels.training_rows(acme.id) == rows(3)
    assert set(LabeledAnswer.objects.filter(tenant=acme).values_list("source", flat=True)) == {"import"}


def test_recorded_pairs_can_be_imported_and_trained_on_at_once(acme: Tenant, capsys: pytest.CaptureFixture[str]):
    call_command("import_labels", str(SAMPLE), "--shared", "--train")
    out = capsys.readouterr().out
    assert out.startswith("120 labels imported for the shared model\n")
    assert "not trained: too few labels" in out  # 120 less the fifth that is held out
    assert labels.training_rows(acme.id) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"prompt": "p", "answer": "a"}', "'good'"),
        ('{"prompt": "p", "answer": "a", "good": "yes"}', "good is true or false"),
        ('{"prompt": 1, "answer": "a", "good": true}', "are texts"),
        ('{"prompt": "p", "answer": "a", "good": true, "weight": 0}', "weight is above 0"),
        ('{"prompt": "p", "answer": "a", "good": true, "weight": NaN}', "weight is above 0"),
        ("[]", "line 2"),
        ("{", "line 2"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(acme: Tenant, tmp_path: Path, line: str, says: str):
    file = tmp_path / "labels.jsonl"
    file.write_text(as_lines(rows(1)) + line + "\n")
    with pytest.raises(CommandError, match="line 2") as caught:
        call_command("import_labels", str(file), "--tenant", acme.slug)
    assert says in str(caught.value)
    assert not LabeledAnswer.objects.filter(tenant=acme).exists()


def test_labels_need_an_owner_that_exists(tmp_path: Path):
    file = tmp_path / "labels.jsonl"
    file.write_text("")
    with pytest.raises(CommandError, match="There is no tenant nobody"):
        call_command("import_labels", str(file), "--tenant", "nobody")
    with pytest.raises(CommandError, match="--tenant"):
        call_command("import_labels", str(file))


def test_reading_what_is_in_force_loads_no_scikit_learn():
    code = (
        "import sys, django; django.setup()\n"
        "from gateway import tasks; from gateway.quality import labels, versions\n"
        "print([name for name in ('sklearn', 'numpy', 'scipy') if name in sys.modules])"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
