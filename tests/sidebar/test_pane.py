"""What the pane says of a customer: in one round trip and a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from integration.db.actions import Contact
from integration.db.audit import AuditEntry
from integration.db.customers import Customer
from integration.db.policies import Fact
from integration.db.stores import SyncState
from integration.records import CustomerRecord, Tracking
from integration.work import Database
from sidebar import panel


def attributes(text, testid, name):
    """Values of an attribute of every element with this data-testid, in sequence."""
    tags = re.findall(rf'<[^>]*data-testid="{testid}"[^>]*>', text)
    return [found.group(1) for tag in tags if (found := re.search(rf'{name}="([^"]*)"', tag))]


class TestHooks:
    """The names that browser tests from outside rely on."""

    def test_orders_lines_and_parcels_carry_their_public_ids(self, frame, shop):
        assert attributes(frame.text, "customer", "data-customer-id") == [str(shop["customer"])]
        assert attributes(frame.text, "order", "data-order-name") == ["#1042", "L-5531", "#0913"]
        assert attributes(frame.text, "order", "data-order-id")[0] == str(shop["lamp"])
        assert f"{shop['lamp']}.11" in attributes(frame.text, "line", "data-line-id")
        assert attributes(frame.text, "shipment", "data-status")[:2] == ["in_transit", "delivered"]

    def test_verdicts_say_basis_and_last_day(self, frame):
        assert attributes(frame.text, "verdict", "data-verdict")[:4] == [
            "accept",
            "review",
            "refuse",
            "accept",
        ]
        assert attributes(frame.text, "verdict", "data-basis")[0] == "law+policy"
        assert attributes(frame.text, "verdict", "data-until")[:3] == ["open", "", ""]

    @pytest.mark.parametrize(
        "testid",
        [
            "freshness",
            "order-toggle",
            "tracking-link",
            "refund-open",
            "reply-insert",
            "reply-text",
            "search",
            "language",
        ],
    )
    def test_the_other_hooks_are_there(self, frame, testid):
        assert f'data-testid="{testid}"' in frame.text

    def test_the_age_of_the_data_is_a_number(self, frame):
        assert attributes(frame.text, "freshness", "data-age-seconds") == ["12"]


class TestWhatComesFirst:
    def test_the_late_parcel_the_legal_clock_and_the_promise_stand_first(self, frame):
        rows = re.findall(r'class="go"[^>]*><b>(.*?)</b><span class="left">(.*?)</span>', frame.text)
        assert rows == [
            ("Table lamp Kuu has not arrived", "3 days late"),
            ("Refund is due", "2 days left"),
            ("An answer today by 17:00", "today 15:00"),
        ]

    def test_the_order_named_in_the_subject_is_open(self, desk, agent, shop, frame_of):
        text = frame_of(desk.token(subject="Sussid L-5531")).text
        assert attributes(text, "order", "data-order-name")[0] == "L-5531"
        assert re.search(r'data-order-name="L-5531"[^>]* open>', text)

    def test_without_contact_or_trouble_those_blocks_are_absent(self, desk, agent, world, account, frame_of):
        store = world.store(account)
        email = "calm@example.ee"
        world.sell(
            account, store, world.record(email=email, customer=CustomerRecord(name="Calm", email=email))
        )
        text = frame_of(desk.token(subject="Hello", customer={"emails": [email]})).text
        assert 'id="hand-card"' not in text
        assert 'class="sec now"' not in text


class TestWhoIsAsking:
    def test_any_of_several_addresses_finds_the_person(self, desk, agent, shop, frame_of):
        customer = {"emails": ["nobody@example.ee", "KADRI.TAMM@example.ee"], "phones": ["+372 5551 2345"]}
        text = frame_of(desk.token(subject="", customer=customer)).text
        assert attributes(text, "customer", "data-customer-id") == [str(shop["customer"])]
        assert "Sender matches" in text

    def test_an_order_number_in_the_subject_is_enough(self, desk, agent, shop, frame_of):
        text = frame_of(desk.token(subject="Re: order 1042", customer={})).text
        assert attributes(text, "customer", "data-customer-id") == [str(shop["customer"])]
        assert "order #1042 was named" in text

    def test_two_who_fit_alike_are_offered_with_the_reason(self, desk, agent, shop, world, account, frame_of):
        world.sell(
            account,
            shop["home"],
            world.record(
                email="jaan@example.ee",
                phone="+37255512345",
                customer=CustomerRecord(name="Jaan Tamm", email="jaan@example.ee", phone="+37255512345"),
            ),
        )
        text = frame_of(desk.token(subject="", customer={"phones": ["+37255512345"]})).text
        assert 'data-state="several"' in text
        assert "same phone number: +37255512345" in text
        assert "Kadri Tamm" in text
        assert "Jaan Tamm" in text

    def test_nobody_is_said_as_looked_and_not_found(self, desk, agent, shop, frame_of):
        text = frame_of(desk.token(subject="", customer={"emails": ["nobody@example.ee"]})).text
        assert 'data-testid="empty"' in text
        assert "Lumi Home, Lumi Outlet" in text

    @pytest.mark.parametrize("q", ["1042", "#1042", "CC123456789EE", "kadri.tamm@example.ee", "5551 2345"])
    def test_searching_finds_by_number_address_and_parcel(self, frame, shop, q):
        text = frame.get(f"/pane?q={q.replace('#', '%23').replace(' ', '+')}").get_data(as_text=True)
        assert attributes(text, "customer", "data-customer-id") == [str(shop["customer"])]

    def test_searching_goes_on_the_record(self, frame, services, account):
        frame.get("/pane?q=1042")
        with services.reading(account) as work:
            events = work.session.scalars(select(AuditEntry.event)).all()
        assert "customer.searched" in events


class TestHostileData:
    EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'

    def test_names_titles_and_notes_are_text_and_nothing_else(self, desk, agent, world, account, frame_of):
        store = world.store(account, name=f"Shop {self.EVIL}")
        line = world.line(title=self.EVIL, variant_title=self.EVIL, properties={"Engraving": self.EVIL})
        email = "evil@example.ee"
        record = world.record(
            line,
            email=email,
            name=f"#1{self.EVIL}",
            note=self.EVIL,
            payment_methods=(self.EVIL,),
            customer=CustomerRecord(name=self.EVIL, email=email, tags=(self.EVIL,)),
        )
        world.sell(account, store, record)
        text = frame_of(desk.token(subject=self.EVIL, customer={"emails": [email]})).text
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert 'onerror=alert(2)>"' not in text

    def test_a_tracking_link_is_an_address_or_no_link(self, desk, agent, world, account, frame_of):
        line = world.line()
        parcel = world.parcel(line, tracking=(Tracking(company="X", number="1", url="javascript:alert(1)"),))
        world.sell(account, world.store(account), world.record(line, fulfillments=(parcel,)))
        text = frame_of(desk.token(subject="", customer={"emails": ["mari@example.ee"]})).text
        assert "javascript:" not in text
        assert 'data-testid="tracking-link"' not in text

    @pytest.mark.parametrize(
        "q", ["\x00", "%", "'; drop table customer; --", "\u202e1042", "a" * 5000, "<script>"]
    )
    def test_a_search_for_anything_is_answered(self, frame, q):
        answer = frame.get(f"/pane?q={quote(q)}")
        assert answer.status_code == 200
        assert "<script>" not in answer.get_data(as_text=True).replace('<script type="application/json"', "")

    @pytest.mark.parametrize(
        "path", ["/pane?customer=0", "/pane?customer=x", "/pane?customer=9" + "9" * 30, "/orders/77"]
    )
    def test_ids_that_name_nothing_find_nothing(self, frame, path):
        assert frame.get(path).status_code == 404


class TestFacts:
    def test_an_answer_changes_the_verdict_at_once(self, frame, shop, services, account, agent):
        line = f"{shop['lamp']}.12"
        text = frame.post("/facts", line=line, name="unsealed", value="yes").get_data(as_text=True)
        assert attributes(text, "verdict", "data-verdict")[1] == "refuse"
        text = frame.post("/facts", line=line, name="unsealed", value="no").get_data(as_text=True)
        assert attributes(text, "verdict", "data-verdict")[1] == "accept"
        with services.reading(account) as work:
            said = work.session.scalars(select(Fact).order_by(Fact.id)).all()
        assert [(fact.line_id, fact.value, fact.said_by) for fact in said] == [
            ("12", "yes", "Liis Kask"),
            ("12", "no", "Liis Kask"),
        ]

    @pytest.mark.parametrize(("name", "value"), [("unsealed", "maybe"), ("price", "1"), ("", "")])
    def test_facts_we_do_not_know_are_refused(self, frame, shop, name, value):
        assert frame.post("/facts", line=f"{shop['lamp']}.12", name=name, value=value).status_code == 400

    def test_a_line_that_is_not_there_is_not_found(self, frame, shop):
        assert frame.post("/facts", line=f"{shop['lamp']}.99", name="used", value="no").status_code == 404


class TestHandOver:
    def test_the_next_agent_reads_it(self, frame, shop, services, account):
        form = {"customer": str(shop["customer"]), "asked": "New lamp?", "promised_by": "2026-11-23T15:00"}
        assert frame.post("/contacts", **form).status_code == 200
        with services.reading(account) as work:
            card = work.session.scalars(select(Contact).order_by(Contact.id.desc())).first()
        assert (card.asked, card.agent, card.conversation) == ("New lamp?", "Liis Kask", "48211")
        assert "New lamp?" in frame.get("/pane").get_data(as_text=True)

    def test_an_empty_one_is_refused(self, frame, shop):
        assert frame.post("/contacts", customer=str(shop["customer"])).status_code == 400

    def test_what_a_database_cannot_keep_is_the_senders_to_mend(self, frame, services, shop):
        answer = frame.post("/contacts", customer=str(shop["customer"]), asked="Where\0is it?")
        kept = services.db.engine.dialect.name == "sqlite"  # which keeps a NUL in a text
        assert answer.status_code == (200 if kept else 400)


class TestFreshness:
    def test_a_store_that_is_down_is_named_with_the_age_of_what_is_shown(
        self, frame, services, account, clock, shop, desk, frame_of
    ):
        with services.transaction(account) as work:
            sync = work.session.get_one(SyncState, shop["home"])
            sync.error, sync.failures = {"code": "store_unavailable", "message": "", "next_step": ""}, 3
        clock.advance(timedelta(minutes=88))
        text = frame_of(desk.token()).text
        assert "Lumi Home cannot be reached." in text
        assert attributes(text, "freshness", "data-state") == ["old"]
        assert attributes(text, "freshness", "data-age-seconds") == [str(88 * 60 + 12)]

    def test_the_version_changes_with_what_is_shown_and_with_nothing_else(self, frame, shop):
        ask = f"/freshness?customer={shop['customer']}"
        before = frame.get(ask).get_json()["version"]
        assert frame.get(ask).get_json()["version"] == before
        assert f'data-version="{before}"' in frame.text
        frame.post("/facts", line=f"{shop['lamp']}.12", name="unsealed", value="no")
        assert frame.get(ask).get_json()["version"] != before

    def test_a_lookup_that_fails_never_reads_as_no_orders(self, frame, monkeypatch):
        def broken(*args, **more):
            raise OperationalError("select", {}, Exception("gone"))

        monkeypatch.setattr(panel, "look", broken)
        text = frame.get("/pane").get_data(as_text=True)
        assert 'data-testid="error"' in text
        assert "This does not mean that there are no orders." in text
        assert 'data-testid="empty"' not in text

    def test_a_database_that_is_wholly_away_is_said_at_the_door_too(self, frame, desk, services, monkeypatch):
        monkeypatch.setattr(services, "db", Database("postgresql+psycopg://nobody@127.0.0.1:1/none"))
        at_the_door = frame.client.post(desk.path, data={"token": desk.token()})
        later = frame.get("/pane")
        assert (at_the_door.status_code, later.status_code) == (503, 503)
        assert at_the_door.headers["Retry-After"] == "5"
        for answer in (at_the_door, later):
            assert "Our own database did not answer." in answer.get_data(as_text=True)
            assert 'data-testid="empty"' not in answer.get_data(as_text=True)
        program = frame.client.get("/api/v1/stores", headers={"Authorization": "Bearer ds_x"})
        assert (program.status_code, program.get_json()["code"]) == (503, "database_unavailable")


class TestCost:
    MOST_QUERIES = 6
    """Of one opening, from the knock to the page: more is a step back."""

    def test_the_number_of_queries_does_not_grow_with_orders_and_lines(
        self, desk, agent, world, account, count_queries, frame_of
    ):
        store = world.store(account)
        email = "many@example.ee"
        who = CustomerRecord(name="Many", email=email)

        def buy(count):
            records = []
            for _number in range(count):
                lines = [world.line(str(n), product_id=f"p{n}") for n in range(1, 4)]
                parcel = world.parcel(*lines)
                records.append(world.record(*lines, email=email, customer=who, fulfillments=(parcel,)))
            world.sell(account, store, *records)

        def opening():
            count_queries()
            text = frame_of(desk.token(subject="", customer={"emails": [email]})).text
            return text.count('data-testid="order"'), len(count_queries())

        buy(1)
        opening()  # the desk learns who its agent is
        orders_and_queries = [opening()]
        for more in (19, 80):
            buy(more)
            orders_and_queries.append(opening())
        assert [orders for orders, _queries in orders_and_queries] == [1, 20, 20]
        [queries] = {queries for _orders, queries in orders_and_queries}
        assert queries <= self.MOST_QUERIES

    def test_the_body_of_a_shut_order_comes_when_it_is_opened(self, frame, shop):
        lines = attributes(frame.text, "line", "data-line-id")
        assert {line.partition(".")[0] for line in lines} == {str(shop["lamp"])}
        text = frame.get(f"/orders/{shop['slippers']}").get_data(as_text=True)
        assert re.search(rf'<details[^>]*id="order-{shop["slippers"]}"[^>]* open>', text)
        assert attributes(text, "line", "data-line-id")
        assert attributes(text, "refund-open", "data-order") == [str(shop["slippers"])]

    def test_orders_that_are_open_in_the_page_come_whole_again(self, frame, shop):
        open_orders = {"X-Open-Orders": f"{shop['lamp']},{shop['curtain']},77,x"}
        answer = frame.client.get("/sidebar/pane", headers=frame.headers() | open_orders)
        whole = attributes(answer.get_data(as_text=True), "refund-open", "data-order")
        assert whole == [str(shop["lamp"]), str(shop["curtain"])]

    def test_the_first_screen_is_small(self, frame, desk):
        sizes = []
        answer = frame.client.post(
            desk.path, data={"token": desk.token()}, headers={"Accept-Encoding": "gzip"}
        )
        assert answer.headers["Content-Encoding"] == "gzip"
        sizes.append(len(answer.data))
        for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', frame.text):
            static = frame.client.get(path, headers={"Accept-Encoding": "gzip"})
            assert "immutable" in static.headers["Cache-Control"]
            sizes.append(len(static.data))
        print(f"first screen: {sum(sizes)} bytes, page {sizes[0]}")
        assert sum(sizes) < 40_000


def test_another_account_finds_none_of_these_ids(shop, agent, another_desk, frame_at):
    strange = frame_at(another_desk())
    for path in (
        f"/pane?customer={shop['customer']}",
        f"/orders/{shop['lamp']}",
        f"/orders/{shop['lamp']}/refund",
    ):
        answer = strange.get(path)
        assert answer.status_code == 404
        assert b"Kadri" not in answer.data


def test_a_customer_without_a_name_is_answered_at_their_address(
    frame_of, desk, agent, shop, services, account
):
    with services.transaction(account) as work:
        work.session.get_one(Customer, shop["customer"]).name = ""
    text = frame_of(desk.token(language="en")).text
    assert "Reply to kadri.tamm@example.ee" in text
    assert "Back to kadri.tamm@example.ee" in text
