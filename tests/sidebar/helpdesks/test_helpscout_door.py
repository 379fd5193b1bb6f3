"""Help Scout's door: the signed address, the signed call of old, and a proof without a time."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from integration import people
from integration.db.accounts import Role
from sidebar.helpdesks import helpscout

SECRET = "test-secret"
KADRI = "kadri.tamm@example.ee"
PARAMETERS = [
    ("conversation-id", "2002"),
    ("conversation-number", "51"),
    ("customer-id", "3003"),
    ("mailbox-id", "77"),
    ("user-id", "4004"),
    ("application-slug", "orders"),
]


@pytest.fixture
def desk(add_desk):
    return add_desk("helpscout", secret=SECRET)


def query(pairs, *, own=(), secret=SECRET, signature=None):
    """The address as Help Scout calls it; `own`: what stands in the configured address itself."""
    proof = signature or helpscout.sign(secret, helpscout.canonical(pairs))
    return "?" + urlencode([*own, *pairs, ("X-HelpScout-Signature", proof)])


@pytest.fixture
def opened(desk, shop, knocker):
    door = knocker(desk)
    assert door.get(query(PARAMETERS)).status_code == 200
    door.tell(conversation="2002", emails=[KADRI])
    return door


def test_the_vendors_rule_on_a_worked_example():
    message = helpscout.canonical(PARAMETERS)
    assert message == (
        b'{"conversation-id":"2002","conversation-number":"51","customer-id":"3003","mailbox-id":"77",'
        b'"user-id":"4004","application-slug":"orders"}'
    )
    assert helpscout.sign(SECRET, message) == "iQHrkoD1gf3FB3gzcM0FkHJjqDE="


def test_slashes_and_letters_beyond_ascii_are_signed_escaped(desk, knocker):
    pairs = [*PARAMETERS[:-1], ("application-slug", "tellimused/õ ✓")]
    assert helpscout.canonical(pairs).endswith(b'"application-slug":"tellimused\\/\\u00f5 \\u2713"}')
    assert knocker(desk).get(query(pairs)).status_code == 200


def test_a_signed_address_opens_the_conversation(opened):
    assert "Kadri Tamm" in opened.text


def test_another_order_of_the_parameters_is_refused(desk, knocker):
    signature = helpscout.sign(SECRET, helpscout.canonical(PARAMETERS))
    assert knocker(desk).get(query(PARAMETERS[::-1], signature=signature)).status_code == 401


def test_parameters_of_the_configured_address_are_not_signed_and_not_believed(desk, knocker):
    own = [("tenant", "x"), ("shop", "y")]
    assert knocker(desk).get(query(PARAMETERS, own=own)).status_code == 200


@pytest.mark.parametrize("place", range(len(PARAMETERS)))
def test_any_changed_value_is_refused(desk, knocker, place):
    changed = list(PARAMETERS)
    changed[place] = (changed[place][0], changed[place][1] + "1")
    signature = helpscout.sign(SECRET, helpscout.canonical(PARAMETERS))
    assert knocker(desk).get(query(changed, signature=signature)).status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "",
        "?" + urlencode(PARAMETERS),
        query(PARAMETERS, signature="="),
        query(PARAMETERS, signature="é"),
        query(PARAMETERS, secret="another"),
        query(PARAMETERS) + "&user-id=1",
        query(PARAMETERS) + "&X-HelpScout-Signature=x",
        query([("conversation-id", "2002")]),
        query([]),
    ],
)
def test_hostile_addresses_are_refused(desk, knocker, address):
    assert knocker(desk).get(address).status_code == 401


def test_another_tenants_signature_is_refused(desk, add_desk, world, knocker):
    theirs = add_desk("helpscout", owner=world.account("Other"), secret="their-secret")
    assert knocker(theirs).get(query(PARAMETERS)).status_code == 401


def test_it_is_one_page_without_redirects_framed_by_help_scout(desk, knocker, framers):
    answer = knocker(desk).get(query(PARAMETERS))
    assert answer.status_code == 200
    assert framers(answer) == ["https://secure.helpscout.net"]


def test_the_signed_conversation_is_the_only_one(opened):
    assert opened.tell(conversation="2003", emails=[KADRI]).status_code == 409


def test_the_signed_person_reads_and_asks_for_pairing_before_money(opened, shop, pair, agent, desk, knocker):
    path = f"/orders/{shop['lamp']}"
    form = {"by": "amount", "amount": "1.00"}
    dialog = opened.pane(f"{path}/refund")
    assert 'data-testid="pair"' in dialog.get_data(as_text=True)
    assert opened.pane(f"{path}/refund", key="k" * 20, **form).status_code == 403
    pair(opened)
    assert opened.pane(f"{path}/refund", key="k" * 20, **form).status_code != 403


def later(desk, knocker, **changes):
    door = knocker(desk)
    pairs = [(name, changes.get(name, value)) for name, value in PARAMETERS]
    assert door.get(query(pairs)).status_code == 200
    door.tell(conversation=dict(pairs)["conversation-id"], emails=[KADRI])
    return door


def may_act(door, shop):
    answer = door.pane(f"/orders/{shop['lamp']}/refund", key="k" * 20, by="amount", amount="1.00")
    return answer.status_code not in (401, 403)


def test_a_pairing_vouches_for_the_same_signed_person_for_half_a_day(
    opened, shop, pair, agent, desk, knocker, clock
):
    pair(opened)
    assert may_act(later(desk, knocker, **{"conversation-id": "2003"}), shop)
    assert not may_act(later(desk, knocker, **{"user-id": "4005"}), shop)
    clock.advance(timedelta(hours=12))
    assert not may_act(later(desk, knocker, **{"conversation-id": "2004"}), shop)


def test_a_pairing_vouches_no_longer_when_the_agents_sessions_were_ended(
    opened, shop, pair, agent, desk, knocker, services, account
):
    from integration.db.accounts import Agent

    pair(opened)
    with services.transaction(account) as work:
        work.session.get_one(Agent, agent).token_version += 1
    assert not may_act(later(desk, knocker), shop)


def test_the_signed_person_of_one_agent_is_not_taken_over_by_another(
    opened, shop, pair, agent, desk, knocker, services, account, signed_in, confirm
):
    pair(opened)
    with services.transaction(account) as work:
        other = people.add_agent(work, "marko@lumi.example", "Marko", Role.ADMIN)[0].id
    begun = later(desk, knocker).pane("/pair/start", x="").get_json()
    assert confirm(signed_in(other), begun["user_code"]).status_code == 409


class TestTheCallOfOld:
    BODY = json.dumps(
        {
            "ticket": {"id": "2002", "number": "51", "subject": "Kus mu lamp on? #1042"},
            "customer": {
                "id": "3003",
                "fname": "Kadri",
                "lname": "<Tamm>",
                "email": KADRI,
                "emails": [KADRI],
            },
            "user": {"id": "4004", "fname": "Liis", "lname": "Kask", "role": "owner"},
            "mailbox": {"id": "77", "email": "help@lumi.example"},
        }
    ).encode()

    def call(self, desk, knocker, body=BODY, signed=BODY, secret=SECRET):
        headers = {"X-HELPSCOUT-SIGNATURE": helpscout.sign(secret, signed)}
        return knocker(desk).post(body, headers=headers, content_type="application/json")

    def test_it_is_answered_with_a_card_that_links_and_does_not_act(self, desk, shop, knocker):
        answer = self.call(desk, knocker)
        html = answer.get_json()["html"]
        assert answer.status_code == 200
        assert "Kadri Tamm" in html
        assert "#1042" in html
        assert "https://deskside.test/sidebar/open/" in html
        assert "<form" not in html
        assert "<script" not in html

    def test_the_raw_bytes_are_what_is_signed(self, desk, knocker):
        assert (
            self.call(desk, knocker, signed=json.dumps(json.loads(self.BODY), indent=1).encode()).status_code
            == 401
        )
        assert self.call(desk, knocker, secret="another").status_code == 401
        assert self.call(desk, knocker, body=b"[]", signed=b"[]").status_code == 401

    def test_without_a_signature_it_is_no_call(self, desk, knocker):
        answer = knocker(desk).post(self.BODY, content_type="application/json")
        assert answer.status_code == 401

    def test_somebody_unknown_reads_as_unknown(self, desk, knocker):
        body = self.BODY.replace(b"kadri.tamm", b"nobody")
        html = self.call(desk, knocker, body=body, signed=body).get_json()["html"]
        assert "No orders for this address" in html
