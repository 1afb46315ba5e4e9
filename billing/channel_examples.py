"""What a signed webhook gets, and how its receiver checks that it is from Tollgate: shown on the page of the channels."""

from __future__ import annotations

from typing import Any

from tenants.models import Tenant

PYTHON = """# pip install standardwebhooks flask
import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["TOLLGATE_SIGNING_SECRET"])  # whsec_…


@app.post("/tollgate")
def tollgate():
    try:
        event = webhook.verify(request.data, dict(request.headers))
    except WebhookVerificationError:
        return "", 400
    print(event["type"], event["data"]["text"])
    return "", 204
"""
NODE = """// npm install standardwebhooks express
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.TOLLGATE_SIGNING_SECRET); // whsec_…

express()
  .post("/tollgate", express.raw({ type: "application/json" }), (request, response) => {
    let event;
    try {
      event = webhook.verify(request.body, request.headers);
    } catch {
      return response.sendStatus(400);
    }
    console.log(event.type, event.data.text);
    response.sendStatus(204);
  })
  .listen(3000);
"""
BY_HAND = """# Without a library: HMAC-SHA256 over "id.timestamp.body", in base64. One signature of the list has to match.
import base64, hashlib, hmac, time

def is_from_tollgate(secret: str, headers: dict[str, str], body: bytes) -> bool:
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        return False  # old: somebody may be sending it again
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [item.removeprefix("v1,") for item in headers["webhook-signature"].split(" ")]
    return any(hmac.compare_digest(expected, item) for item in given)
"""
SNIPPETS = (("Python", PYTHON), ("Node", NODE), ("By hand", BY_HAND))


def payload(tenant: Tenant) -> dict[str, Any]:
    """An alert of a budget as it is sent, with the tenant's own name."""
    budget_id = "01a2097b-78b1-7c00-8000-000000000000"
    return {
        "type": "budget.threshold_crossed",
        "timestamp": "2026-11-23T17:30:12.345678+00:00",
        "data": {
            "alert_id": "01a2097b-78d3-7105-93d4-2edd8e8eeac1",
            "tenant": {"id": str(tenant.pk), "slug": tenant.slug, "name": tenant.name},
            "severity": "warning",
            "budget": {"id": budget_id, "source": budget_id, "name": "Support bot"},
            "dimension": "tenant",
            "subject": "",
            "subject_name": "",
            "metric": "usd",
            "threshold_percent": 80,
            "used_percent": 80,
            "used": "40.12",
            "amount": "50",
            "window": {"kind": "month", "start": "2026-10-31T23:00:00+00:00", "end": "2026-11-30T23:00:00+00:00"},
            "text": f"{tenant.name}: budget “Support bot” has used 80 % ($40.12 of $50.00) of this month's amount; …",
        },
    }
