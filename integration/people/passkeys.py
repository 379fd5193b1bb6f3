"""Passkeys: WebAuthn credentials that live on the person's device, unlocked by that person.

A challenge is good once and bound to its purpose: it is a `one_time` row, and comes back inside
what the authenticator signed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import webauthn
from sqlalchemy import select
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from integration import one_time
from integration.db.accounts import Agent, Passkey
from integration.errors import ForgedMessage
from integration.work import Work

REGISTER, SIGN_IN = "passkey-register", "passkey-sign-in"
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom browsers bind passkeys to: the host of our own address."""

    id: str
    origin: str


def relying_party(app_url: str) -> RelyingParty | None:
    """None where browsers offer no passkeys: at an IP address, or on http other than localhost.

    Source: W3C Web Authentication Level 3, "Relying Party Identifier"; Secure Contexts.
    """
    parts = urlsplit(app_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        if host and (parts.scheme == "https" or local):
            return RelyingParty(host, f"{parts.scheme}://{parts.netloc}")
    return None


def registration_options(work: Work, party: RelyingParty, agent: Agent) -> str:
    """JSON for ``navigator.credentials.create``."""
    challenge = one_time.make(work, REGISTER, {"agent": agent.id}, LIFETIME)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Deskside",
        user_name=agent.email,
        user_display_name=agent.name,
        user_id=f"{agent.account_id}.{agent.id}".encode(),
        challenge=challenge.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in of_agent(work, agent.id)
        ],
    )
    return webauthn.options_to_json(options)


def register(work: Work, party: RelyingParty, agent: Agent, answer: str, name: str = "") -> Passkey:
    """Keep the new credential. Raises :exc:`ForgedMessage` for anything that does not verify."""
    challenge = _challenge(answer)
    if one_time.use(work, REGISTER, challenge) != {"agent": agent.id}:
        raise ForgedMessage("this passkey was not asked for", code="passkey")
    try:
        verified = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge.encode(),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ForgedMessage("the passkey does not verify", code="passkey") from error
    passkey = Passkey(
        agent_id=agent.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name[:80],
        created_at=work.now(),
    )
    work.add(passkey)
    return passkey


def sign_in_options(work: Work, party: RelyingParty) -> str:
    """JSON for ``navigator.credentials.get``. Names no credential: the device offers what it has."""
    challenge = one_time.make(work, SIGN_IN, {}, LIFETIME)
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge.encode(),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def verify(work: Work, party: RelyingParty, answer: str) -> Agent:
    """The person whose passkey signed. For a door that has yet to learn the account.

    Raises :exc:`ForgedMessage` for an unknown credential, a used challenge, a wrong signature, a
    disabled person, or a counter that went back (a copied authenticator).
    """
    challenge = _challenge(answer)
    if one_time.use(work, SIGN_IN, challenge) is None:
        raise ForgedMessage("this sign-in was not asked for", code="passkey")
    row = work.session.execute(
        select(Passkey, Agent)
        .join(Agent, Agent.id == Passkey.agent_id)
        .where(Passkey.credential_id == _credential_id(answer), Agent.disabled_at.is_(None))
    ).one_or_none()
    if row is None:
        raise ForgedMessage("unknown passkey", code="passkey")
    passkey, agent = row
    try:
        verified = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge.encode(),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ForgedMessage("the passkey does not verify", code="passkey") from error
    passkey.sign_count = verified.new_sign_count
    passkey.last_used_at = work.now()
    return agent


def of_agent(work: Work, agent_id: int) -> list[Passkey]:
    return list(
        work.session.scalars(select(Passkey).where(Passkey.agent_id == agent_id).order_by(Passkey.id))
    )


def remove(work: Work, agent_id: int, passkey_id: int) -> None:
    for passkey in of_agent(work, agent_id):
        if passkey.id == passkey_id:
            work.session.delete(passkey)


class _Response(msgspec.Struct):
    clientDataJSON: str


class _Answer(msgspec.Struct):
    rawId: str
    response: _Response


class _ClientData(msgspec.Struct):
    challenge: str


def _challenge(answer: str) -> str:
    """The challenge that the browser says it signed; verification proves it later."""
    try:
        response = msgspec.json.decode(answer, type=_Answer).response
        data = msgspec.json.decode(webauthn.base64url_to_bytes(response.clientDataJSON), type=_ClientData)
        return webauthn.base64url_to_bytes(data.challenge).decode("ascii")
    except (msgspec.MsgspecError, ValueError) as error:
        raise ForgedMessage("not an answer of a passkey", code="passkey") from error


def _credential_id(answer: str) -> bytes:
    parsed: Any = msgspec.json.decode(answer, type=_Answer)
    return webauthn.base64url_to_bytes(parsed.rawId)
