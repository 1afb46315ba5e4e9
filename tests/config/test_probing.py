"""Health is told to whoever asks by an address, also where pages are for one host name and for TLS only."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_probes_answer_whatever_host_they_are_asked_by(settings: Any):
    settings.ALLOWED_HOSTS = ["tollgate.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    kubelet = Client(headers={"host": "10.1.2.3:8000"})
    assert kubelet.get("/healthz").content == b"ok\n"
    assert kubelet.get("/readyz").json()["status"] == "ok"
    assert kubelet.get("/metrics").status_code == 200
    assert kubelet.get("/account/login/").status_code in (301, 400)
