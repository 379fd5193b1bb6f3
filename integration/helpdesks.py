"""Helpdesks that may frame the sidebar: what each kind needs to know, and what proves its calls.

Settings by kind are those of facts on helpdesks; what is secret is sealed, what is not is plain.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import Select, bindparam, or_, select, update

from integration import audit
from integration.db.accounts import Agent
from integration.db.as_json import Writer
from integration.db.helpdesks import Helpdesk, HelpdeskAgent, Pairing
from integration.errors import BadInput, NotFound
from integration.prepared import Prepared
from integration.vault import Vault
from integration.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a merchant tells us about their helpdesk."""

    name: str
    secret: bool = False
    needed: bool = True
    """False: the helpdesk works without it, with fewer proofs."""
    check: Callable[[str], str] = field(default=lambda text: text)
    """The value as we keep it; raises :exc:`BadInput`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of helpdesk: its settings, who frames us, and what its calls prove."""

    name: str
    label: str
    settings: tuple[Setting, ...]
    made_secret: str = ""
    """Name of the setting that we choose if it is not given: shown once."""
    asks_origin: bool = False
    """True: only the merchant knows the address of their desk."""
    usual_origin: str = ""
    """Where most desks of the kind are. Empty: without an origin nobody but our own pages may frame us."""
    proves_agent: bool = False
    """True: a signed call names the agent; else agents pair by code before they move money."""
    frames: bool = True
    """False: the helpdesk asks for JSON and draws it by itself."""


def _subdomain(text: str) -> str:
    name = text.strip().lower().removeprefix("https://").removesuffix("/").removesuffix(".zendesk.com")
    plain = name.replace("-", "")
    if not (plain.isascii() and plain.isalnum() and len(name) <= 63 and name.strip("-") == name):
        raise BadInput("want the name before .zendesk.com", code="bad_subdomain")
    return name


def _number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise BadInput("want a number", code="bad_number")
    return text


def _public_key(text: str) -> str:
    try:
        key = load_pem_public_key(text.strip().encode())
    except ValueError:
        raise BadInput("not a public key in PEM form", code="bad_public_key") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise BadInput("want an RSA key of 2048 bits or more", code="bad_public_key")
    return text.strip() + "\n"


def _brand(text: str) -> str:
    name = text.strip().lower().removeprefix("https://").removesuffix("/").removesuffix(".reamaze.com")
    if not (name.replace("-", "").isascii() and name.replace("-", "").isalnum() and len(name) <= 63):
        raise BadInput("want the name before .reamaze.com", code="bad_brand")
    return name


def _word(text: str) -> str:
    if not (text.isascii() and text.isalnum() and len(text) <= 60):
        raise BadInput("want letters and digits", code="bad_word")
    return text


LOCAL = ("127.0.0.1", "localhost", "::1")
USUAL = {"https": 443, "http": 80}
"""Ports that browsers leave out of an origin."""
NOTED_EVERY = timedelta(minutes=1)
REFUSED = "_refused"
"""Among the plain settings: when and why a call was refused last."""

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="zendesk",
            label="Zendesk",
            settings=(
                Setting(name="subdomain", check=_subdomain),
                Setting(name="app_id", check=_number, needed=False),
                Setting(name="installation_id", check=_number, needed=False),
                Setting(name="public_key", check=_public_key, needed=False),
            ),
            proves_agent=True,
        ),
        Kind(
            name="front",
            label="Front",
            settings=(Setting(name="auth_secret", secret=True),),
        ),
        Kind(
            name="helpscout",
            label="Help Scout",
            settings=(Setting(name="secret", secret=True),),
            made_secret="secret",  # noqa: S106 - the name of a setting
            proves_agent=True,
        ),
        Kind(
            name="chatwoot",
            label="Chatwoot",
            settings=(
                Setting(name="api_token", secret=True, needed=False),
                Setting(name="account_id", check=_number, needed=False),
            ),
            asks_origin=True,
            usual_origin="https://app.chatwoot.com",
        ),
        Kind(
            name="reamaze",
            label="Re:amaze",
            settings=(Setting(name="brand", check=_brand), Setting(name="sso_secret", secret=True)),
            proves_agent=True,
        ),
        Kind(
            name="intercom",
            label="Intercom",
            settings=(
                Setting(name="client_secret", secret=True),
                Setting(name="workspace_id", check=_word),
            ),
            proves_agent=True,
            frames=False,
        ),
        Kind(
            name="generic",
            label="Your own desk",
            settings=(Setting(name="secret", secret=True),),
            made_secret="secret",  # noqa: S106 - the name of a setting
            asks_origin=True,
            proves_agent=True,
        ),
        Kind(
            name="cards",
            label="Gorgias, Gladly, Groove",
            settings=(Setting(name="secret", secret=True),),
            made_secret="secret",  # noqa: S106 - the name of a setting
            frames=False,
        ),
    )
}


def add(
    work: Work,
    vault: Vault,
    kind: str,
    name: str,
    origin: str = "",
    settings: Mapping[str, str] | None = None,
    *,
    app_url: str,
    by: str = "command",
) -> tuple[Helpdesk, str, str]:
    """The row, the address to enter in the helpdesk, and the secret that we chose ("" if none).

    Raises :exc:`BadInput` naming the setting that is missing, unknown or wrong.
    """
    form = _kind(kind)
    given = dict(settings or {})
    made = ""
    if form.made_secret and not given.get(form.made_secret):
        made = given[form.made_secret] = secrets.token_urlsafe(30)[:40]
    plain, sealed = _sorted_out(form, given)
    helpdesk = Helpdesk(
        key=secrets.token_hex(16),  # letters and digits alone: a dash in front is an option to a command
        kind=kind,
        name=_name(name) or form.label,
        origin=_origin(form, origin),
        settings=plain,
        secret=vault.seal(msgspec.json.encode(sealed)) if sealed else None,
        created_at=work.now(),
    )
    work.add(helpdesk)
    work.session.flush()
    _note(work, "helpdesk.added", helpdesk, by)
    return helpdesk, address(app_url, helpdesk), made


def change(
    work: Work,
    vault: Vault,
    helpdesk_id: int,
    *,
    name: str | None = None,
    origin: str | None = None,
    settings: Mapping[str, str] | None = None,
    by: str = "command",
) -> Helpdesk:
    """Change what is given; settings that are left out or empty stay as they are."""
    helpdesk = _held(work, helpdesk_id)
    form = _kind(helpdesk.kind)
    if name is not None:
        helpdesk.name = _name(name) or form.label
    if origin is not None:
        helpdesk.origin = _origin(form, origin)
    if settings is not None:
        kept = {name: text for name, text in helpdesk.settings.items() if name != REFUSED}
        before = {**kept, **secret_settings(vault, helpdesk)}
        plain, sealed = _sorted_out(form, {**before, **{k: v for k, v in settings.items() if v}})
        helpdesk.settings = plain
        helpdesk.secret = vault.seal(msgspec.json.encode(sealed)) if sealed else None
    _note(work, "helpdesk.changed", helpdesk, by)
    return helpdesk


def everyone(work: Work) -> Sequence[Helpdesk]:
    """Those in use, oldest first."""
    return work.session.scalars(
        select(Helpdesk).where(Helpdesk.removed_at.is_(None)).order_by(Helpdesk.id)
    ).all()


def find(work: Work, helpdesk_id: int) -> Helpdesk:
    """One in use, by row number. Raises :exc:`NotFound`."""
    helpdesk = work.session.scalar(_in_use(helpdesk_id))
    if helpdesk is None:
        raise NotFound("no such helpdesk")
    return helpdesk


def _held(work: Work, helpdesk_id: int) -> Helpdesk:
    """As `find`, as it is now and nobody else's to change until this work ends.

    A refusal is noted in the very settings that somebody who reads of it is about to mend.
    """
    alone = _in_use(helpdesk_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    helpdesk = work.session.scalar(alone)
    if helpdesk is None:
        raise NotFound("no such helpdesk")
    return helpdesk


def _in_use(helpdesk_id: int) -> Select[Helpdesk]:
    return select(Helpdesk).where(Helpdesk.id == helpdesk_id, Helpdesk.removed_at.is_(None))


class PlainHelpdesk(msgspec.Struct, frozen=True, array_like=True):
    """One in use, as its door needs it; the names are those of the mapped row."""

    id: int
    account_id: int
    key: str
    kind: str
    name: str
    origin: str
    settings: dict[str, Any]
    sealed: str | None
    last_opened_at: datetime | None

    @property
    def secret(self) -> bytes | None:
        return None if self.sealed is None else self.sealed.encode()


AnyHelpdesk = Helpdesk | PlainHelpdesk


def by_key(work: Work, key: str) -> PlainHelpdesk | None:
    """One in use, by its public id. For a door that has yet to learn the account."""
    if "\0" in key:  # in no text of Postgres, which refuses to look for it
        return None
    found = _by_key.rows(work, key=key)
    return found[0] if found else None


def _write_by_key(writer: Writer) -> Select[Any]:
    names = ("secret" if name == "sealed" else name for name in PlainHelpdesk.__struct_fields__)
    row = writer.row(*(getattr(Helpdesk, name) for name in names))
    return select(row).where(Helpdesk.key == bindparam("key"), Helpdesk.removed_at.is_(None))


_by_key = Prepared(PlainHelpdesk, _write_by_key, everywhere=True)


def remove(work: Work, helpdesk_id: int, *, by: str = "command") -> None:
    """Its address stops working at once; who was matched with whom stays on record."""
    helpdesk = find(work, helpdesk_id)
    helpdesk.removed_at = work.now()
    helpdesk.secret = None
    work.session.execute(
        update(Pairing)
        .where(Pairing.helpdesk_id == helpdesk.id, Pairing.used_at.is_(None))
        .values(expires_at=work.now())
    )
    _note(work, "helpdesk.removed", helpdesk, by)


def secret_settings(vault: Vault, helpdesk: AnyHelpdesk) -> dict[str, str]:
    """The secret settings, open. For verifying a call, and for nothing that is shown."""
    if helpdesk.secret is None:
        return {}
    return msgspec.json.decode(_opened(vault, helpdesk.secret), type=dict[str, str])


@lru_cache(maxsize=256)
def _opened(vault: Vault, sealed: bytes) -> bytes:
    """Opened once, and not with each call that it verifies."""
    return vault.open(sealed)


def framable(address: str) -> bool:
    """Whether a helpdesk's page frames such an address: https, or the machine one works on."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in LOCAL


def address(app_url: str, helpdesk: Helpdesk) -> str:
    """What the merchant enters in their helpdesk."""
    return f"{app_url}/sidebar/{helpdesk.kind}/{helpdesk.key}"


def lacking(helpdesk: Helpdesk, vault: Vault) -> list[str]:
    """Names of settings that are not there yet, needed or not."""
    have = {**helpdesk.settings, **secret_settings(vault, helpdesk)}
    return [setting.name for setting in _kind(helpdesk.kind).settings if not have.get(setting.name)]


def note_opening(work: Work, helpdesk_id: int, *, at_once: bool = False) -> None:
    """Remember that the sidebar was opened, once a minute: openings of a busy desk do not queue for its row.

    `at_once`: a refusal is on record, which this opening settles.
    """
    now = work.now()
    stale = or_(Helpdesk.last_opened_at.is_(None), Helpdesk.last_opened_at < now - NOTED_EVERY)
    work.session.execute(
        update(Helpdesk)
        .where(Helpdesk.id == helpdesk_id, *(() if at_once else (stale,)))
        .values(last_opened_at=now)
        .execution_options(synchronize_session=False)
    )


def opening_noted(helpdesk: AnyHelpdesk, now: datetime) -> bool:
    """Whether `note_opening` would change nothing: no refusal to settle, and noted within the minute."""
    at = helpdesk.last_opened_at
    return at is not None and at >= now - NOTED_EVERY and last_refusal(helpdesk) is None


def note_refusal(work: Work, helpdesk_id: int, code: str) -> None:
    """Remember why a call of this desk was refused last, for the person who sets it up. Codes only."""
    helpdesk = _held(work, helpdesk_id)
    helpdesk.settings = {**helpdesk.settings, REFUSED: f"{work.now().isoformat()} {code[:60]}"}


def last_refusal(helpdesk: AnyHelpdesk) -> tuple[datetime, str] | None:
    """(when, code) of the last refused call, if none was taken since."""
    at, _, code = str(helpdesk.settings.get(REFUSED, "")).partition(" ")
    if not at or (helpdesk.last_opened_at and helpdesk.last_opened_at > datetime.fromisoformat(at)):
        return None
    return datetime.fromisoformat(at), code


def matched_agents(work: Work, helpdesk_id: int) -> list[tuple[Agent, str]]:
    """(agent, how they were matched) of everybody whose person in this desk is known."""
    rows = work.session.execute(
        select(Agent, HelpdeskAgent.linked_how)
        .join(HelpdeskAgent, HelpdeskAgent.agent_id == Agent.id)
        .where(HelpdeskAgent.helpdesk_id == helpdesk_id, Agent.disabled_at.is_(None))
        .order_by(Agent.name)
    )
    return [(row[0], row[1]) for row in rows]


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise BadInput(f"kind: want one of {', '.join(KINDS)}", code="bad_kind")
    return KINDS[name]


def _name(text: str) -> str:
    name = " ".join(text.split())
    if len(name) > 120:
        raise BadInput("name: at most 120 characters", code="bad_name")
    return name


def _sorted_out(form: Kind, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(plain, secret) settings, checked."""
    known = {setting.name: setting for setting in form.settings}
    for name in given:
        if name not in known:
            allowed = ", ".join(known)
            raise BadInput(f"{name}: {form.name} has the settings {allowed}", code="unknown_setting")
    plain: dict[str, str] = {}
    sealed: dict[str, str] = {}
    for name, setting in known.items():
        value = given.get(name, "").strip()
        if not value:
            if setting.needed:
                raise BadInput(f"{name}: {form.name} needs it", code="missing_setting")
            continue
        if len(value) > 10_000:
            raise BadInput(f"{name}: too long", code="bad_setting")
        try:
            (sealed if setting.secret else plain)[name] = setting.check(value)
        except BadInput as error:
            raise BadInput(f"{name}: {error}", code=error.code) from None
    return plain, sealed


def _origin(form: Kind, text: str) -> str:
    """An https origin (http for loopback only), or "" for kinds whose host is the vendor's.

    As browsers write it, for that is what we compare it with: the host in ASCII, no usual port.
    """
    text = text.strip().rstrip("/")
    if not form.asks_origin or not text:
        return form.usual_origin
    wrong = BadInput(
        "origin: want the address of your desk, such as https://desk.example.com", code="bad_origin"
    )
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:
        raise wrong from None
    more = parts.path or parts.query or parts.fragment or parts.username
    if more or not host or not all(part.isalnum() or part in "-.:" for part in host):
        raise wrong
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOCAL):
        raise wrong
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, USUAL[parts.scheme]) else f":{port}")


def _note(work: Work, event: str, helpdesk: Helpdesk, by: str) -> None:
    audit.record(
        work,
        event,
        actor=by,
        proof="system" if by == "command" else "session",
        detail={"helpdesk": helpdesk.id, "kind": helpdesk.kind, "origin": helpdesk.origin},
    )
