"""What browsers are told that pages may do, and that `check --deploy` has nothing to say of a production install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.test import Client

from tests.cast import Cast, at_work, cast

__all__ = ["cast"]

POLICY = "content-security-policy"
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>|\son[a-z]+=\"|javascript:", re.IGNORECASE
)


@pytest.mark.django_db
def test_scripts_come_from_files_of_ours_only(cast: Cast):
    for client, path in (
        (at_work(cast.ada), "/"),
        (at_work(cast.olga), "/admin/"),
        (Client(), "/account/login/"),
        (Client(), "/nowhere"),
    ):
        policy = client.get(path, follow=True).headers[POLICY]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == "'self' 'unsafe-eval'"
        assert directives["base-uri"] == directives["frame-ancestors"] == "'none'"
        assert directives["form-action"] == "'self'"


@pytest.mark.django_db
def test_pages_that_lead_to_an_identity_provider_may_send_forms_there():
    assert "form-action" not in Client().get("/account/sso/").headers[POLICY]


def test_no_template_of_ours_has_a_script_within_it():
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        assert not INLINE.search(path.read_text()), path


@pytest.mark.django_db
def test_the_documents_pages_have_no_script_within_them():
    for address in ("/api/docs/", "/api/v1/docs/"):
        assert not INLINE.search(Client().get(address).content.decode())


def test_check_deploy_is_clean(tmp_path: Path):
    environment = os.environ | {
        "TOLLGATE_PRODUCTION": "1",
        "TOLLGATE_SECRET_KEY": "x" * 30 + "0123456789abcdefghijklmnop",
        "TOLLGATE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "TOLLGATE_VAR": str(tmp_path),
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
