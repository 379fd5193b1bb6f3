"""Front's sidebar plug-in: opened by GET with one constant secret, which proves the tenant and nobody else.

Front says itself that proving its users is the plug-in's business: agents pair, and only then is anything
shown. Source: our helpdesk facts, "Front"; Front's "Plugins", "Security".
"""

from __future__ import annotations

import hmac

from flask import Request

from integration.errors import ForgedMessage
from sidebar.arrivals import bare, note_opening
from sidebar.doors import Desk, Door
from sidebar.visit import Proof, Visit

ORIGINS = ("https://*.frontapp.com", "https://*.frontapplication.com")
"""Front has no host of the tenant's own."""
CAPABILITIES = ("insertReply", "notify", "openUrl")


def open_door(request: Request, desk: Desk) -> Visit:
    given, expected = request.args.getlist("auth_secret"), desk.secrets.get("auth_secret", "")
    if len(given) != 1 or not expected or not hmac.compare_digest(given[0].encode(), expected.encode()):
        raise ForgedMessage("the secret does not fit")
    note_opening(desk)
    return bare(desk, tenant=Proof.SHARED_SECRET, capabilities=CAPABILITIES)


DOOR = Door(kind="front", open=open_door, framed_by=lambda desk: ORIGINS, bridge="hosts/front.js")
