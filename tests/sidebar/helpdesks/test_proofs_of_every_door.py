"""One table of bad proofs against every door: a new door brings its own line, and meets them all."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy.exc import OperationalError

from integration import helpdesks, people
from integration.db.accounts import Role
from integration.db.helpdesks import HelpdeskAgent
from sidebar import summary
from sidebar.helpdesks import helpscout, reamaze

APP = "https://deskside.test"
KADRI = "kadri.tamm@example.ee"
LIIS = "liis@lumi.example"
RSA = {
    name: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for name in ("ours", "theirs", "nobodys")
}
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def pem(name: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return RSA[name].public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@dataclasses.dataclass(frozen=True)
class Call:
    """One request to a door; the headers that carry the proof may stand there twice."""

    query: str = ""
    data: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = ""

    def plus(self, other: Call) -> Call:
        """Both in one request, this one first."""
        data = self.data
        if self.kind == FORM and self.data:
            data = f"{self.data}&{other.data}"
        query = "&".join(filter(None, (self.query, other.query if other.query != self.query else "")))
        return dataclasses.replace(self, data=data, query=query, headers=self.headers + other.headers)


# -- what each helpdesk sends, signed with a key of that name, at that time; `text`: in what it may say --


def zendesk(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    now = int(at.timestamp())
    claims = {
        "iss": "acme.zendesk.com",
        "aud": "https://acme.zendesk.com/api/v2/apps/installations/7.json",
        "sub": "https://acme.zendesk.com/api/v2/users/9001.json",
        "iat": now,
        "exp": now + 300,
        "qsh": text,
    }
    return Call(data=urlencode({"token": jwt.encode(claims, RSA[key], algorithm="RS256")}), kind=FORM)


def front(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    return Call(query=urlencode({"auth_secret": key}))


def scout(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    pairs = [("conversation-id", f"2002{text}"), ("customer-id", f"3003{text}"), ("user-id", f"9001{text}")]
    proof = helpscout.sign(key, helpscout.canonical(pairs))
    return Call(query=urlencode([*pairs, ("X-HelpScout-Signature", proof)]))


def scout_of_old(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    body = json.dumps(
        {
            "ticket": {"id": f"2002{text}", "subject": f"Kus mu lamp on?{text}"},
            "customer": {"id": f"3003{text}", "fname": f"Kadri{text}", "email": KADRI},
            "user": {"id": f"9001{text}", "fname": f"Liis{text}"},
        }
    ).encode()
    return Call(data=body, kind=JSON, headers=(("X-HELPSCOUT-SIGNATURE", helpscout.sign(key, body)),))


def generic(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    now = int(at.timestamp())
    claims = {
        "iss": desk.key,
        "aud": APP,
        "sub": f"9001{text}",
        "email": LIIS,
        "name": f"Liis{text}",
        "conversation": f"42{text}",
        "subject": f"Kus mu lamp on?{text}",
        "customer": {"emails": [KADRI, f"x{text}@example.ee"], "name": f"Kadri{text}", "external_id": text},
        "iat": now,
        "exp": now + 60,
        "jti": f"{now}{text}",
    }
    return Call(data=urlencode({"token": jwt.encode(claims, key * 8, algorithm="HS256")}), kind=FORM)


def re_amaze(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    stamp = str(int(at.timestamp()))
    values = {"brand": "lumi", "staff": LIIS, "timestamp": stamp, "email": KADRI, "slug": f"lamp{text}"}
    return Call(query=urlencode({**values, "id": f"u{text}", "hmac": ""}).removesuffix("&hmac=")).plus(
        Call(query=urlencode({"hmac": reamaze.sign(key, {**values, "id": f"u{text}"})}))
    )


def intercom(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    body = json.dumps(
        {
            "workspace_id": "abc",
            "admin": {"id": f"9001{text}", "email": LIIS, "name": f"Liis{text}"},
            "context": {"conversation_id": f"42{text}"},
            "conversation": {"id": f"42{text}", "title": f"Where is #1042?{text}"},
            "contact": {"id": f"c1{text}", "email": KADRI, "name": f"Kadri{text}"},
        }
    ).encode()
    proof = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return Call(data=body, kind=JSON, headers=(("X-Body-Signature", proof),))


def gladly(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    body = json.dumps({"query": {"emails": [KADRI], "name": f"K{text}", "externalCustomerId": f"c{text}"}})
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body.encode()).hexdigest()
    whole = f"POST\n{desk.path}\n\ngladly-time:{stamp}\n\ngladly-time\n{digest}"
    dated = hmac.new(key.encode(), at.strftime("%Y%m%d").encode(), hashlib.sha256).digest()
    message = f"hmac-sha256\n{stamp}\n{hashlib.sha256(whole.encode()).hexdigest()}"
    proof = hmac.new(dated, message.encode(), hashlib.sha256).hexdigest()
    names = "SigningAlgorithm=hmac-sha256, SignedHeaders=gladly-time"
    headers = (("Gladly-Time", stamp), ("Gladly-Authorization", f"{names}, Signature={proof}"))
    return Call(data=body, kind=JSON, headers=headers)


def gorgias(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    body = json.dumps({"email": KADRI, "ticket": f"77{text}", "subject": f"#1042{text}"})
    return Call(data=body, kind=JSON, headers=(("Authorization", f"Bearer {key}"),))


def groove(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    return Call(query=urlencode({"api_token": key, "email": KADRI, "ticket": f"77{text}"}))


def there_there(desk: Any, key: str, at: datetime, text: str = "") -> Call:
    body = json.dumps({"email": KADRI, "name": f"Kadri{text}"}).encode()
    proof = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return Call(data=body, kind=JSON, headers=(("X-There-There-Signature", proof),))


@dataclasses.dataclass(frozen=True)
class Way:
    """A door, and what proves a call there."""

    kind: str
    call: Callable[..., Call]
    settings: Callable[[str], dict[str, str]]
    timed: bool = False
    """The proof carries a time."""
    names_agent: bool = False


def kept(name: str, **more: str) -> Callable[[str], dict[str, str]]:
    return lambda key: {name: key, **more}


ACME = {"subdomain": "acme", "app_id": "11", "installation_id": "7"}
WAYS = {
    "zendesk": Way("zendesk", zendesk, lambda key: {**ACME, "public_key": pem(key)}, True, True),
    "front": Way("front", front, kept("auth_secret")),
    "helpscout": Way("helpscout", scout, kept("secret"), names_agent=True),
    "helpscout of old": Way("helpscout", scout_of_old, kept("secret"), names_agent=True),
    "generic": Way("generic", generic, lambda key: {"secret": key * 8}, True, True),
    "reamaze": Way("reamaze", re_amaze, kept("sso_secret", brand="lumi"), True, True),
    "intercom": Way("intercom", intercom, kept("client_secret", workspace_id="abc"), names_agent=True),
    "gladly": Way("cards", gladly, kept("secret"), True),
    "gorgias": Way("cards", gorgias, kept("secret")),
    "groove": Way("cards", groove, kept("secret")),
    "there there": Way("cards", there_there, kept("secret")),
}
TIMED = [name for name, way in WAYS.items() if way.timed]
NAMING = [name for name, way in WAYS.items() if way.names_agent]


@pytest.fixture
def send(app: Any) -> Callable[[Any, Call], Any]:
    def through(desk: Any, call: Call, path: str = "") -> Any:
        return app.test_client(use_cookies=False).open(
            f"{path or desk.path}?{call.query}",
            method="GET" if call.data is None else "POST",
            data=call.data,
            headers=list(call.headers),
            content_type=call.kind or None,
            base_url=APP,
        )

    return through


@pytest.fixture
def desk_of(add_desk: Any) -> Callable[..., Any]:
    """A desk of this way, whose key has that name."""

    def make(way: Way, key: str = "ours", **more: Any) -> Any:
        origin = "https://desk.example" if way.kind == "generic" else ""
        return add_desk(way.kind, origin, **way.settings(key), **more)

    return make


@pytest.fixture(params=list(WAYS))
def way(request: Any) -> Way:
    return WAYS[request.param]


def test_a_good_proof_is_taken(way, desk_of, send, clock, agent, shop):
    desk = desk_of(way)
    assert send(desk, way.call(desk, "ours", clock())).status_code == 200


def test_a_slash_behind_the_address_is_no_other_address(way, desk_of, send, clock, agent, shop):
    """Some desks put one there. Gladly signs the path, so it signs this one."""
    desk = desk_of(way)
    slashed = dataclasses.replace(desk, path=f"{desk.path}/")
    assert send(slashed, way.call(slashed, "ours", clock())).status_code == 200


def test_a_proof_by_an_unknown_key_is_refused(way, desk_of, send, clock, refusal, agent, shop):
    desk = desk_of(way)
    answer = send(desk, way.call(desk, "nobodys", clock()))
    assert answer.status_code == 401
    assert b"Kadri" not in answer.data
    assert refusal(desk) == ("other_key" if way.kind == "zendesk" else "forged")


def test_another_tenants_key_opens_nothing_here(way, desk_of, send, clock, world, agent, shop):
    ours, theirs = desk_of(way), desk_of(way, "theirs", owner=world.account("Other"))
    assert send(ours, way.call(ours, "theirs", clock())).status_code == 401
    assert send(theirs, way.call(theirs, "ours", clock())).status_code == 401
    answer = send(theirs, way.call(theirs, "theirs", clock()))
    assert answer.status_code == 200
    assert b"Tamm" not in answer.data  # proven there, and it is our customer


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_proof_of_another_hour_is_refused_and_its_time_blamed(
    name, hours, desk_of, send, clock, refusal, agent
):
    desk = desk_of(WAYS[name])
    call = WAYS[name].call(desk, "ours", clock() + timedelta(hours=hours))
    assert send(desk, call).status_code == 401
    assert refusal(desk) == "expired"


@pytest.mark.parametrize("name", TIMED)
def test_a_proof_that_was_used_is_refused_when_its_life_is_over(name, desk_of, send, clock, agent):
    desk = desk_of(WAYS[name])
    call = WAYS[name].call(desk, "ours", clock())
    assert send(desk, call).status_code == 200
    clock.advance(timedelta(minutes=11))
    assert send(desk, call).status_code == 401


def test_a_removed_helpdesk_takes_no_proof(way, desk_of, send, clock, services, account, agent):
    desk = desk_of(way)
    with services.transaction(account) as work:
        helpdesks.remove(work, desk.id)
    assert send(desk, way.call(desk, "ours", clock())).status_code == 404


@pytest.fixture
def frame_at(desk_of: Any, add_desk: Any, knocker: Any, clock: Any) -> Callable[[str], Any]:
    """A living frame of this kind, at Kadri's conversation."""

    def open_frame(kind: str) -> Any:
        if kind == "chatwoot":
            door = knocker(add_desk("chatwoot", "https://desk.example"))
            door.get()
        else:
            door = knocker(desk := desk_of(WAYS[kind]))
            call = WAYS[kind].call(desk, "ours", clock())
            if call.data is None:
                door.get(f"?{call.query}")
            else:
                door.post(call.data, content_type=call.kind)
        if kind != "reamaze":  # which proves the conversation with the rest
            assert door.tell(conversation="2002", emails=[KADRI]).status_code == 200
        return door

    return open_frame


FRAMED = ["zendesk", "front", "helpscout", "chatwoot", "generic", "reamaze"]


@pytest.mark.parametrize("kind", FRAMED)
def test_a_living_frame_ends_with_its_helpdesk(kind, frame_at, services, account, agent, shop):
    door = frame_at(kind)
    assert door.pane("/freshness").status_code == 200
    with services.transaction(account) as work:
        [desk] = helpdesks.everyone(work)
        helpdesks.remove(work, desk.id)
    for path in ("/freshness", "/pane", f"/pane?customer={shop['customer']}", f"/orders/{shop['lamp']}"):
        answer = door.pane(path)
        assert answer.status_code == 403
        assert b"Kadri" not in answer.data
    assert door.tell(conversation="2002", emails=[KADRI]).status_code == 404


@pytest.mark.parametrize("kind", ["zendesk", "front", "helpscout", "chatwoot"])
def test_a_paired_frame_ends_with_its_agents_access(
    kind, frame_at, services, account, agent, shop, pair, disable
):
    door = frame_at(kind)
    pair(door)
    assert "Kadri Tamm" in door.text
    with services.transaction(account) as work:
        people.add_agent(work, "boss@lumi.example", "Boss", Role.ADMIN)
    disable(agent)
    for path in ("/freshness", "/pane", f"/orders/{shop['lamp']}"):
        assert door.pane(path).status_code == 403
    assert door.tell(conversation="2002", emails=[KADRI]).status_code == 403


@pytest.mark.parametrize("name", NAMING)
def test_an_agent_whose_access_was_ended_opens_nothing(
    name, desk_of, send, clock, services, account, agent, disable, shop, refusal
):
    desk = desk_of(WAYS[name])
    with services.transaction(account) as work:
        people.add_agent(work, "boss@lumi.example", "Boss", Role.ADMIN)
        work.add(
            HelpdeskAgent(
                helpdesk_id=desk.id,
                external_id=LIIS if name == "reamaze" else "9001",
                agent_id=agent,
                linked_at=work.now(),
                linked_how="pairing",
            )
        )
    disable(agent)
    answer = send(desk, WAYS[name].call(desk, "ours", clock()))
    assert answer.status_code == 403
    assert b"Kadri" not in answer.data
    assert refusal(desk) == "access_ended"


def test_a_forged_proof_before_a_good_one_is_refused(way, desk_of, send, clock, agent):
    desk = desk_of(way)
    good, bad = way.call(desk, "ours", clock()), way.call(desk, "nobodys", clock())
    assert send(desk, bad.plus(good)).status_code == 401


def test_more_than_a_helpdesk_ever_sends_is_not_read(way, desk_of, send, clock, agent):
    desk = desk_of(way)
    call = way.call(desk, "ours", clock())
    large = dataclasses.replace(call, data=b"x" * 300_000, kind=call.kind or FORM)
    assert send(desk, large).status_code == 413


HOSTILE = [
    Call(query="%ff%fe=%00&token=%00&hmac=%ff&auth_secret=%00&api_token=%ff"),
    Call(query="&".join(f"a{number}=1" for number in range(60))),
    Call(query="X-HelpScout-Signature=%00&hmac=%00"),
    Call(query="origin=https://[&app_guid=%00"),
    Call(headers=(("Referer", "https://[x/"), ("Authorization", "Bearer \xff"))),
    Call(headers=(("Gladly-Authorization", "SigningAlgorithm=none, SignedHeaders=a, Signature="),)),
    Call(headers=(("X-There-There-Signature", "\xff"), ("X-Body-Signature", "\xff"))),
    Call(data=b"\xff\xfe", kind=JSON),
    Call(data=b"[" * 100_000, kind=JSON),
    Call(data=b'{"workspace_id": "\\ud800"}', kind=JSON),
    Call(data="token=%ff%00&token=", kind=FORM),
    Call(data=urlencode({"token": f"{'W1tb' * 2000}.e30.x"}), kind=FORM),
    Call(data=b"token", kind="multipart/form-data; boundary=\xff".encode("latin-1").decode("latin-1")),
    Call(data=b"token=a", kind="application/x-www-form-urlencoded; charset=utf-7"),
    Call(data=urlencode({"context": '{"x": ' + "[" * 16_000}), kind=FORM),
    Call(data=urlencode({"context": '{"conversation": "\\u0000"}'}), kind=FORM),
]


@pytest.mark.parametrize("call", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", [*sorted({way.kind for way in WAYS.values()}), "chatwoot"])
def test_what_no_helpdesk_sends_is_refused_in_order(kind, call, add_desk, desk_of, send):
    """An error of ours would be a page of our own fault, and a line in the log for every stranger."""
    way = next((way for way in WAYS.values() if way.kind == kind), None)
    desk = desk_of(way) if way else add_desk("chatwoot", "https://desk.example")
    answer = send(desk, call)
    assert answer.status_code < 500


@pytest.mark.parametrize(
    "name", ["helpscout of old", "intercom", "gladly", "gorgias", "groove", "there there"]
)
def test_a_card_whose_lookup_failed_never_reads_no_orders(
    name, desk_of, send, clock, agent, shop, monkeypatch
):
    def fails(*_arguments: Any, **_more: Any) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(summary, "look_at", fails)
    desk = desk_of(WAYS[name])
    words = json.dumps(send(desk, WAYS[name].call(desk, "ours", clock())).get_json())
    assert "The lookup failed" in words
    assert "No orders" not in words
    assert "results" not in words  # Gladly reads an empty list as "no such customer"


SUBJECTS = ["Where is #1042?", "Tellimus 1042", "แจ้งปัญหาคำสั่งซื้อ ๑๐๔๒", "طلب رقم ١٠٤٢", "CC123456789EE?"]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("kind", ["zendesk", "helpscout", "generic"])
def test_numbers_in_the_subject_lead_to_the_order(kind, subject, desk_of, knocker, send, clock, agent, shop):
    """The customer writes from an address that no store knows."""
    desk = desk_of(WAYS[kind])
    door = knocker(desk)
    call = WAYS[kind].call(desk, "ours", clock())
    if call.data is None:
        door.get(f"?{call.query}")
    else:
        door.post(call.data, content_type=call.kind)
    conversation = "2002" if kind == "helpscout" else "42"
    assert door.tell(conversation=conversation, emails=["x@example.ee"], subject=subject).status_code == 200
    assert "#1042" in door.text
    assert "Kadri Tamm" in door.text


def test_a_nul_in_what_was_signed_is_no_fault_of_ours(way, desk_of, send, clock, agent, shop):
    """In no text of Postgres, which refuses the whole statement: so an agent of such a name is nobody."""
    desk = desk_of(way)
    named = way.names_agent and way.kind not in ("zendesk", "reamaze")
    assert send(desk, way.call(desk, "ours", clock(), "\0")).status_code == (401 if named else 200)


@pytest.mark.parametrize("name", ["conversation", "subject", "account", "channel"])
def test_a_nul_in_what_the_page_says_is_no_fault_of_ours(name, add_desk, knocker):
    door = knocker(add_desk("chatwoot", "https://desk.example"))
    assert door.get().status_code == 200
    answer = door.tell(**{name: "4\0002"}, emails=[f"a\0{KADRI}"], phones=["\0"], agent={"id": "\0"})
    assert answer.status_code == 200
    assert door.pane("/pair/start", x="").status_code == 200
