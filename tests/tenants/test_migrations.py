"""Models and migrations say the same, and Django has nothing to complain of."""

import pytest
from django.core.management import call_command


def test_djangos_own_checks_find_nothing(db: None):
    call_command("check", verbosity=0)


def test_no_model_has_changed_without_a_migration(db: None):
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    except SystemExit:
        pytest.fail("make migrations")
