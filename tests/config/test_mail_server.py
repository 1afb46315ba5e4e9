"""The mail server is one variable, and a bad one fails at start-up with its name."""

from __future__ import annotations

import pytest

from config.env import Environment, MailServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", None),
        ("smtp://mail.example", MailServer("mail.example", 25)),
        ("smtp://ops:p%40ss@mail.example?tls=1", MailServer("mail.example", 587, "ops", "p@ss", use_tls=True)),
        ("smtps://ops:x@mail.example", MailServer("mail.example", 465, "ops", "x", use_ssl=True)),
        ("smtp://127.0.0.1:2525", MailServer("127.0.0.1", 2525)),
    ],
)
def test_the_mail_server_is_one_variable(url: str, expected: MailServer | None):
    assert Environment({"TOLLGATE_EMAIL_URL": url}).mail_server("TOLLGATE_EMAIL_URL") == expected


@pytest.mark.parametrize("url", ["mail.example", "http://x", "smtp://", "smtp://u:secret@x:y", "smtps://x?tls=1"])
def test_a_bad_mail_server_fails_with_its_name_and_shows_no_password(url: str):
    with pytest.raises(Exception, match="TOLLGATE_EMAIL_URL takes a URL such as") as caught:
        Environment({"TOLLGATE_EMAIL_URL": url}).mail_server("TOLLGATE_EMAIL_URL")
    assert "secret" not in str(caught.value)
