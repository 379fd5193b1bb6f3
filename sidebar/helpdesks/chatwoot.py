"""Chatwoot's dashboard app: a fixed address, nothing signed, the conversation told by the host's page.

Whoever knows the address can claim anything, so nothing is shown until the agent pairs. With an access
token we ask Chatwoot itself who wrote the conversation, and search with its answer, never with the claim.
Source: our helpdesk facts, "Chatwoot"; Chatwoot API, "Conversation details", "Fetch user profile".
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import httpx
import msgspec
from flask import Request
from msgspec.structs import replace

from connectors.transport import new_client, new_transport
from sidebar.arrivals import Context, Person, bare, note_opening, note_refusal, tell
from sidebar.doors import Desk, Door
from sidebar.throttle import allowed
from sidebar.visit import Proof, Visit

log = logging.getLogger(__name__)

TIME_LIMIT = 3.0
"""Seconds in all: the agent waits for it, so better a claim in time than a proof too late."""
LARGEST_ANSWER = 1024 * 1024
ASKED_A_MINUTE = 300
"""Most conversations of one desk that Chatwoot is asked about: whoever knows the address can make us ask."""
CAPABILITIES = ("openUrl",)


class Sender(msgspec.Struct, frozen=True):
    id: int | str | None = None
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None


class Meta(msgspec.Struct, frozen=True):
    sender: Sender = Sender()
    channel: str | None = None
    hmac_verified: bool | None = None


class Conversation(msgspec.Struct, frozen=True):
    id: int | str
    meta: Meta


class Account(msgspec.Struct, frozen=True):
    id: int


class Profile(msgspec.Struct, frozen=True):
    accounts: tuple[Account, ...] = ()


def open_door(request: Request, desk: Desk) -> Visit:
    _note_where(request, desk)
    return bare(desk, capabilities=CAPABILITIES)


def _note_where(request: Request, desk: Desk) -> None:
    """For whoever sets it up: a frame was opened where we expect it, or elsewhere, where it stays empty.

    The browser names the page around the frame; a claim, and nothing but a note comes of it.
    """
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # no browser sends such a one
        return
    if request.method != "GET" or not parts.netloc:
        return
    if f"{parts.scheme}://{parts.netloc}" == desk.origin:
        note_opening(desk)
    else:
        note_refusal(desk, "other_origin")


def weigh(visit: Visit, desk: Desk, context: Context) -> Visit:
    """The host's word, replaced by Chatwoot's own where we may ask it."""
    asked = ask(desk, context.conversation)
    if asked is None:
        return tell(visit, context)
    note_opening(desk)
    sender = asked.meta.sender
    person = Person(
        emails=(sender.email,) if sender.email else (),
        phones=(sender.phone_number,) if sender.phone_number else (),
        external_id=str(sender.id or ""),
        name=sender.name or "",
        verified=_verified(asked.meta),
    )
    return tell(visit, replace(context, customer=person), customer=Proof.API_VERIFIED)


def _verified(meta: Meta) -> bool | None:
    """False for a visitor of the web widget who typed an address that nobody checked."""
    if meta.hmac_verified:
        return True
    return False if (meta.channel or "").endswith("WebWidget") else None


def ask(desk: Desk, conversation: str) -> Conversation | None:
    """The conversation as Chatwoot's own API tells it; None when we may not ask or it does not say."""
    token, account = desk.secrets.get("api_token"), desk.settings.get("account_id")
    if not (token and account and desk.origin and conversation.isascii() and conversation.isdigit()):
        return None
    if not allowed("chatwoot-ask", desk.key, times=ASKED_A_MINUTE, seconds=60):
        log.warning("chatwoot not asked for desk %s: too often", desk.id)
        return None
    try:
        answer = _get(desk, f"/api/v1/accounts/{account}/conversations/{conversation}")
        if answer.status_code != httpx.codes.OK:
            log.warning("chatwoot answered %s for desk %s", answer.status_code, desk.id)
            return None
        found = msgspec.json.decode(answer.content, type=Conversation)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, UnicodeError) as error:
        log.warning("chatwoot not asked for desk %s: %s", desk.id, type(error).__name__)
        return None
    return found if str(found.id) == conversation else None


def check(desk: Desk) -> str:
    """What is wrong with token, number or address, by asking whose token it is; "" when nothing is."""
    try:
        answer = _get(desk, "/api/v1/profile")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return "token_refused"
        if answer.status_code != httpx.codes.OK:
            return "not_chatwoot"
        profile = msgspec.json.decode(answer.content, type=Profile)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return "not_reached"
    except msgspec.DecodeError:
        return "not_chatwoot"
    mine = {str(account.id) for account in profile.accounts}
    return "" if desk.settings.get("account_id") in mine else "other_account"


def _get(desk: Desk, path: str) -> httpx.Response:
    """Raises :exc:`httpx.HTTPError` where nobody answers in time."""
    transport = new_transport(most_bytes=LARGEST_ANSWER, longest=TIME_LIMIT)
    with new_client(transport=transport) as client:
        token = {"api_access_token": desk.secrets.get("api_token", "")}
        return client.get(f"{desk.origin}{path}", headers=token, timeout=TIME_LIMIT)


DOOR = Door(
    kind="chatwoot",
    open=open_door,
    tell=weigh,
    check=check,
    framed_by=lambda desk: (desk.origin,),
    bridge="hosts/chatwoot.js",
)
