"""What HubSpot would send to an app: one change as a signed delivery (crm_hubspot.md 17)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from sandbox.twins.hubspot.state import TYPE_IDS, Thing

if TYPE_CHECKING:
    from sandbox.twins.hubspot.twin import HubSpotTwin


def signature(secret: str, method: str, url: str, body: str, timestamp: str) -> str:
    """Version 3: over method, whole URL, raw body and time, with the app's secret."""
    text = f"{method}{url}{body}{timestamp}".encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def delivery(twin: HubSpotTwin, thing: Thing, name: str, url: str) -> tuple[dict[str, str], str]:
    """Headers and body of the delivery that tells of a property's value; ids are numbers here (1)."""
    at = str(int(twin.clock().timestamp() * 1000))
    event = {
        "eventId": twin.ids.number("event"), "subscriptionId": 2902227, "portalId": twin.account.hub_id, "appId": 4210286,
        "occurredAt": int(at), "subscriptionType": "object.propertyChange", "attemptNumber": 0, "objectId": int(thing.id),
        "objectTypeId": TYPE_IDS[thing.sort], "propertyName": name, "propertyValue": thing.properties.get(name) or "",
        "changeSource": "CRM_UI", "sourceId": "userId:9586504",
    }  # fmt: skip
    body = json.dumps([event])
    signed = signature(twin.account.client_secret, "POST", url, body, at)
    headers = {"Content-Type": "application/json", "X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": at}
    return headers, body
