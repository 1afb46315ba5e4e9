"""Plain text by e-mail, through the server of `TOLLGATE_EMAIL_URL`."""

from __future__ import annotations

import datetime as dt
import logging
import smtplib

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from billing.channels.base import DeliveryError, Destination, Message

logger = logging.getLogger(__name__)


def send(destination: Destination, message: Message, now: dt.datetime) -> None:
    mail = EmailMessage(
        subject=" ".join(message.subject.split()),
        body=render_to_string("billing/alerts/email.txt", {"message": message}),
        to=[destination.target],
        headers={"Message-ID": f"<{message.id}@tollgate>", "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _text in error.recipients.values()]
        is_permanent = bool(codes) and min(codes) >= 500
        raise DeliveryError(
            "The mail server does not take mail for this address.", is_permanent=is_permanent
        ) from error
    except smtplib.SMTPResponseException as error:
        logger.warning("the mail server refuses alerts: %s %r", error.smtp_code, error.smtp_error)
        raise DeliveryError(f"The mail server refused it ({error.smtp_code}).") from error
    except (smtplib.SMTPException, OSError) as error:
        logger.warning("the mail server cannot be used: %s", error)
        raise DeliveryError("The mail server cannot be reached.") from error
