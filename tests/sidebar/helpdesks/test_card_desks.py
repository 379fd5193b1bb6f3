"""The card's address: each vendor's own proof, a card that only reads, and a link that asks for a sign-in."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from integration import people
from integration.db.accounts import Role
from integration.matching import MOST_MATCHES

KADRI = "kadri.tamm@example.ee"
BASE = "https://deskside.test"
GLADLY = json.dumps(
    {"lookupLevel": "DETAILED", "query": {"emails": [KADRI]}, "uniqueMatchRequired": True}
).encode()
SIGNED = "accept;content-type;gladly-correlation-id;gladly-time"


@pytest.fixture
def desk(add_desk):
    return add_desk("cards", secret="card-secret")


def gladly_headers(path, body, at, *, secret="card-secret", names=SIGNED, query=""):
    """Signed by the vendor's published rule, written out once more."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Gladly-Correlation-Id": "c-1",
        "Gladly-Time": stamp,
    }
    lower = {name.lower(): value for name, value in headers.items()}
    lines = ["POST", path, query, *(f"{name}:{lower.get(name, '')}" for name in names.split(";")), "", names]
    lines.append(hashlib.sha256(body).hexdigest())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = hmac.new(secret.encode(), at.strftime("%Y%m%d").encode(), hashlib.sha256).digest()
    proof = hmac.new(key, f"hmac-sha256\n{stamp}\n{digest}".encode(), hashlib.sha256).hexdigest()
    headers["Gladly-Authorization"] = (
        f"SigningAlgorithm=hmac-sha256, SignedHeaders={names}, Signature={proof}"
    )
    return headers


@pytest.fixture
def ask(app, desk):
    client = app.test_client()

    def send(method="GET", query="", **more):
        return client.open(f"{desk.path}{query}", method=method, base_url=BASE, **more)

    return send


def gorgias(secret="card-secret"):
    return {"Authorization": f"Bearer {secret}"}


def test_gorgias_gets_a_card_with_its_age_and_a_link(ask, shop):
    answer = ask("POST", json={"email": KADRI, "ticket": 77}, headers=gorgias())
    card = answer.get_json()
    assert answer.status_code == 200
    assert (card["state"], card["title"], card["orders"]) == ("one", "Kadri Tamm", "3")
    assert card["as_of"] == "2026-11-21T11:59:48Z"
    assert {order["name"] for order in card["orders_shown"]} == {"#1042", "L-5531", "#0913"}
    assert card["link"].startswith("https://deskside.test/sidebar/open/")


def test_gorgias_may_ask_by_a_get_with_variables(ask, shop):
    assert ask(query=f"?email={KADRI}&ticket=77", headers=gorgias()).get_json()["title"] == "Kadri Tamm"


def test_gladly_gets_results(ask, shop, desk, clock):
    answer = ask("POST", data=GLADLY, headers=gladly_headers(desk.path, GLADLY, clock()))
    [result] = answer.get_json()["results"]
    assert result["name"] == "Kadri Tamm"
    assert [row["type"] for row in result["transactions"]] == ["ORDER"] * 3


class TestSeveralAtGladly:
    """An agent searches, chooses one of several, and Gladly asks for the details of the chosen one."""

    WORK = "kadri@work.example"

    @pytest.fixture
    def other(self, world, account, shop):
        record = world.record(world.line("91", title="Vase"), email=self.WORK, name="#0700", number="0700")
        world.sell(account, shop["home"], record)

    @pytest.fixture
    def lookup(self, ask, desk, clock, shop, other):
        def send(*emails, unique, **query):
            asked = {"lookupLevel": "DETAILED" if unique else "BASIC", "uniqueMatchRequired": unique}
            body = json.dumps({**asked, "query": {"emails": emails, **query}}).encode()
            return ask("POST", data=body, headers=gladly_headers(desk.path, body, clock())).get_json()[
                "results"
            ]

        return send

    def test_all_who_match_are_offered_each_with_the_address_that_was_asked_about(self, lookup):
        found = lookup(KADRI, self.WORK, unique=False)
        offered = {row["emails"][0]["original"]: row["customAttributes"]["orders"] for row in found}
        assert offered == {KADRI: "3", self.WORK: "1"}
        assert [len(row["emails"]) for row in found] == [1, 1]
        assert "Kadri Tamm" in [row["name"] for row in found]

    def test_the_chosen_one_is_found_again(self, lookup):
        offered = lookup(KADRI, self.WORK, unique=False)
        assert len(offered) == 2
        for chosen in offered:
            linked = chosen["externalCustomerId"]
            [found] = lookup(KADRI, self.WORK, unique=True, externalCustomerId=linked)
            assert (found["externalCustomerId"], found["name"]) == (linked, chosen["name"])
            assert str(len(found["transactions"])) == chosen["customAttributes"]["orders"]

    def test_where_one_is_asked_for_none_of_several_is_taken(self, lookup):
        assert lookup(KADRI, self.WORK, unique=True) == []

    @pytest.mark.parametrize("linked", ["deskside-", "deskside-x", "deskside-999999", "1", "abc"])
    def test_an_id_that_is_none_of_ours_chooses_nobody(self, lookup, linked):
        assert lookup(KADRI, self.WORK, unique=True, externalCustomerId=linked) == []

    def test_the_linked_one_stays_where_another_fits_better(self, lookup):
        [kadri] = lookup(KADRI, unique=False)
        [found] = lookup(
            self.WORK, unique=True, phones=["+37255512345"], externalCustomerId=kadri["externalCustomerId"]
        )
        assert found["name"] == "Kadri Tamm"

    def test_the_linked_one_is_found_among_more_than_can_be_offered(self, lookup, world, account, shop):
        [kadri] = lookup(KADRI, unique=False)
        front_desk = "+37255512345"
        records = [
            world.record(
                world.line("91", title="Vase"),
                email=f"b{each}@example.ee",
                phone=front_desk,
                number=f"{each}",
            )
            for each in range(2001, 2001 + MOST_MATCHES)
        ]
        world.sell(account, shop["home"], *records)
        [found] = lookup(unique=True, phones=[front_desk], externalCustomerId=kadri["externalCustomerId"])
        assert found["name"] == "Kadri Tamm"

    def test_a_link_shows_neither_whom_the_addresses_do_not_name_nor_another(self, lookup):
        [stranger] = lookup(self.WORK, unique=False)
        assert lookup(KADRI, unique=True, externalCustomerId=stranger["externalCustomerId"]) == []


def test_the_vendors_worked_example_of_gladly(app):
    """Signature of a call that Gladly describes in public, with the key `test-apikey-1`."""
    from sidebar.helpdesks import cards

    body = (
        b'{"lookupLevel":"DETAILED","query":{"emails":["martha.williams@gmail.com"],"externalCustomerId":"abc",'
        b'"favoriteDate":"2018-08-19T07:00:00.000Z","favoriteFood":"Apple Pie","id":"o2sg-TMTSD2rTwMuxzewbA",'
        b'"name":"Martha Williams","phones":["+15013299800"]},"uniqueMatchRequired":true}'
    )
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Gladly-Correlation-Id": "vXmSEPjVSWCaCMzvjufxZg",
        "X-B3-Traceid": "bd799210f8d549609a08ccef8ee7f166",
        "Gladly-Time": "20190213T214016Z",
    }
    names = "accept;content-type;gladly-correlation-id;gladly-time;x-b3-traceid"
    with app.test_request_context(
        "/api/v1/customers/lookup", method="POST", data=body, headers=headers
    ) as context:
        found = cards.gladly_signature(context.request, "test-apikey-1", names, headers["Gladly-Time"])
    assert found == "38f2a59caaddcab2c738ff75866287f43ec8a9c0a2171ef15bbe6a04b6029f94"


def test_groove_gets_flat_text_under_names_it_does_not_take_for_its_own(ask, shop):
    card = ask(query=f"?email={KADRI}&api_token=card-secret").get_json()
    assert card["order_1_name"] == "#1042"
    assert all(isinstance(value, str) and " " not in name for name, value in card.items())
    assert not {"name", "status", "email", "first_name", "last_name", "full_name"} & set(card)


def test_there_there_gets_names_and_values(ask, shop):
    body = json.dumps({"email": KADRI}).encode()
    proof = hmac.new(b"card-secret", body, hashlib.sha256).hexdigest()
    headers = {"X-There-There-Signature": proof, "Content-Type": "application/json"}
    data = ask("POST", data=body, headers=headers).get_json()["data"]
    assert data[0]["value"] == "Kadri Tamm"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("", gorgias("wrong")),
        ("", {"Authorization": "Basic card-secret"}),
        ("?api_token=wrong", {}),
        ("?api_token=", {}),
        ("?api_token=wrong", gorgias()),
        ("?api_token=card-secret&api_token=wrong", {}),
        ("", {"X-There-There-Signature": "0" * 64}),
        ("", {"X-There-There-Signature": "", **gorgias()}),
        ("", {"Gladly-Authorization": "x", **gorgias()}),
    ],
)
def test_without_the_vendors_own_proof_nothing_is_said(ask, query, headers):
    assert ask(query=query, headers=headers).status_code == 401


def test_gladlys_signature_covers_everything(ask, desk, clock):
    good = gladly_headers(desk.path, GLADLY, clock())
    bad = [
        ({**good, "Gladly-Correlation-Id": "c-2"}, GLADLY, ""),
        ({**good, "Gladly-Time": (clock() + timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")}, GLADLY, ""),
        (good, GLADLY + b" ", ""),
        (good, GLADLY, "?x=1"),
        (gladly_headers(desk.path, GLADLY, clock(), secret="another"), GLADLY, ""),
        (gladly_headers("/elsewhere", GLADLY, clock()), GLADLY, ""),
        (gladly_headers(desk.path, GLADLY, clock(), names="accept;content-type"), GLADLY, ""),
    ]
    for headers, body, query in bad:
        assert ask("POST", query, data=body, headers=headers).status_code == 401


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 200), (4, 200), (6, 401)])
def test_gladlys_time_counts(ask, desk, clock, minutes, status):
    headers = gladly_headers(desk.path, GLADLY, clock() + timedelta(minutes=minutes))
    assert ask("POST", data=GLADLY, headers=headers).status_code == status


def test_another_tenants_secret_opens_nothing(ask, add_desk, world, app):
    other = add_desk("cards", owner=world.account("Other"), secret="their-secret")
    answer = app.test_client().get(f"{other.path}?email={KADRI}", headers=gorgias(), base_url=BASE)
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"email": 7}', b"\xff"])
def test_hostile_bodies_are_refused(ask, body):
    headers = {**gorgias(), "Content-Type": "application/json"}
    assert ask("POST", data=body, headers=headers).status_code in (200, 400)


def test_a_failed_lookup_never_reads_no_orders(ask, shop, desk, clock, monkeypatch):
    from sidebar import summary

    def fails(*_arguments, **_more):
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(summary, "look_at", fails)
    answer = ask("POST", json={"email": KADRI}, headers=gorgias())
    assert answer.status_code == 503
    assert answer.get_json()["state"] == "failed"
    assert "No orders" not in answer.get_data(as_text=True)
    assert ask("POST", data=GLADLY, headers=gladly_headers(desk.path, GLADLY, clock())).status_code == 503


def test_a_card_is_a_lookup_and_on_the_record(ask, shop, audited):
    ask("POST", json={"email": KADRI, "ticket": 77}, headers=gorgias())
    [entry] = audited("customer.looked_up")
    assert (entry["conversation"], entry["proof"]) == ("77", "claimed")


class TestTheLink:
    @pytest.fixture
    def path(self, ask, shop):
        link = ask("POST", json={"email": KADRI, "ticket": 77}, headers=gorgias()).get_json()["link"]
        return link.removeprefix(BASE)

    def test_it_opens_nothing_by_itself(self, app, path):
        answer = app.test_client().get(path, base_url=BASE)
        assert answer.status_code == 303
        assert "/admin/sign-in?next=" in answer.headers["Location"]

    def test_whoever_is_signed_in_sees_the_pane_and_may_act(self, path, agent, signed_in, framers):
        answer = signed_in(agent).get(path, base_url=BASE)
        text = answer.get_data(as_text=True)
        assert "Kadri Tamm" in text
        assert framers(answer) == ["'none'"]

    def test_another_accounts_people_see_nothing(self, path, world, services, signed_in):
        other = world.account("Other")
        with services.transaction(other) as work:
            stranger = people.add_agent(work, "eve@other.example", "Eve", Role.ADMIN)[0].id
        assert signed_in(stranger, other).get(path, base_url=BASE).status_code == 404

    def test_it_ends(self, path, agent, signed_in, clock):
        clock.advance(timedelta(days=2))
        assert signed_in(agent).get(path, base_url=BASE).status_code == 404

    def test_a_made_up_one_is_nothing(self, agent, signed_in):
        assert signed_in(agent).get("/sidebar/open/made-up", base_url=BASE).status_code == 404
