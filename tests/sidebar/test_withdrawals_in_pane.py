"""Withdrawal statements: written down, acknowledged, their clocks, and what the pane says of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import g
from sqlalchemy import select

from integration import customers, withdrawals
from integration.db.policies import Withdrawal
from integration.db.stores import Store
from integration.errors import NotFound
from integration.records import Address
from sidebar.urgent import _legal

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EMAIL = "kadri.tamm@example.ee"


@pytest.fixture
def statement(frame, shop, services, account):
    """Kadri's statement about the wool throw, received by e-mail two hours ago."""
    answer = frame.post(
        f"/orders/{shop['lamp']}/withdrawal",
        received="2026-11-21T10:00",
        channel="email",
        **{f"q:{shop['lamp']}.11": "1"},
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    with services.reading(account) as work:
        query = select(Withdrawal.id).where(Withdrawal.order_id == shop["lamp"])
        return work.session.scalars(query).one()


def kept(services, account, statement):
    with services.reading(account) as work:
        row = work.session.get_one(Withdrawal, statement)
        return row.acknowledged_how, row.goods_at, row.proof_at, row.closed_at is not None


def test_a_statement_stands_under_its_order_with_its_clocks(frame, shop, statement):
    text = frame.get(f"/orders/{shop['lamp']}").get_data(as_text=True)
    assert f'data-withdrawal="{statement}"' in text
    assert "Wool throw Saar" in text.split('data-testid="withdrawal"')[1].split("</li>")[0]
    assert "E-mail, Sat 21 Nov" in text
    assert "by law until Sat 5 Dec" in text
    said = text.split('data-testid="withdrawal"')[1].split("</li>")[0]
    assert "VÕS § 56¹" in said
    assert "Information, not legal advice." in said
    assert "not yet, due at once" in text


def test_what_is_not_acknowledged_is_urgent_and_the_reply_is_ready(frame, shop, statement):
    text = frame.get(f"/pane?customer={shop['customer']}").get_data(as_text=True)
    assert "Acknowledge the withdrawal" in text
    urgent = text.split('aria-label="Needs you now"')[1].split("</section>")[0]
    assert "Information, not legal advice." in urgent
    reply = frame.get(
        f"/reply?customer={shop['customer']}&order={shop['lamp']}&situation=withdrawal&language=en"
    )
    letter = reply.get_data(as_text=True)
    assert "on 21 November at 10:00" in letter
    assert "It concerns: Wool throw Saar." in letter


WAIT = "may wait for the goods or proof that they were sent"


def declared(world, services, account, shop, **more):
    """A statement about an order of its own; the order's id."""
    line = world.line()
    record = world.record(line, **{"fulfillments": (world.parcel(line),), "email": EMAIL, **more})
    [order_id] = world.sell(account, shop["home"], record)
    with services.transaction(account) as work:
        work.session.get_one(Store, shop["home"]).th_direct_marketer = True
        order = customers.find_order(work, order_id)
        withdrawals.record(work, order, received_at=NOON - timedelta(days=3), channel="email", by="Liis")
    return order_id


@pytest.mark.parametrize(
    ("more", "waits"),
    [
        ({}, True),
        ({"fulfillments": ()}, False),  # never sent: there is nothing to wait for
        ({"shipping_address": Address(name="A", country="TH")}, False),  # a law that lets nobody wait
    ],
)
def test_the_refund_waits_for_goods_only_where_there_are_some_and_the_law_says_so(
    frame, world, services, account, shop, more, waits
):
    order_id = declared(world, services, account, shop, **more)
    text = frame.get(f"/orders/{order_id}").text
    assert "by law until" in text
    assert (WAIT in text) is waits
    letter = frame.get(
        f"/reply?customer={shop['customer']}&order={order_id}&situation=withdrawal&language=en"
    )
    assert "We pay the money back by" in letter.text
    assert ("We may wait until the goods" in letter.text) is waits


@pytest.mark.parametrize(("may_hold", "kind"), [(True, "warn"), (False, "bad")])
def test_a_refund_that_may_wait_is_not_overdue_while_the_goods_are_out(app, frame, may_hold, kind):
    clock = withdrawals.Clock(withdrawal_id=1, order_id=1, kind="refund", due=date(2026, 11, 18), left=-3)
    statement = SimpleNamespace(may_wait=may_hold, anchor="w", clocks=(clock,), source="VÕS § 56¹")
    with app.test_request_context():
        g.now = NOON
        [row] = _legal(SimpleNamespace(name="#1", id="1", statements=[statement]))
    assert (row.kind, WAIT in row.detail) == (kind, may_hold)
    assert row.detail.endswith("VÕS § 56¹")


def test_the_form_offers_what_is_left_and_now_as_the_time(frame, shop):
    text = frame.get(f"/orders/{shop['lamp']}/withdrawal").get_data(as_text=True)
    assert 'value="2026-11-21T12:00"' in text
    assert f'name="q:{shop["lamp"]}.12" value="2"' in text


def test_sent_twice_is_one(frame, shop, statement, services, account):
    again = frame.post(
        f"/orders/{shop['lamp']}/withdrawal",
        received="2026-11-21T10:00",
        channel="email",
        **{f"q:{shop['lamp']}.11": "1"},
    )
    assert again.status_code == 200
    with services.reading(account) as work:
        rows = work.session.scalars(select(Withdrawal).where(Withdrawal.order_id == shop["lamp"])).all()
    assert len(rows) == 1


def test_acknowledged_on_a_durable_medium_only_and_once(frame, statement, services, account):
    path = f"/withdrawals/{statement}/acknowledge"
    assert frame.post(path, how="phone").status_code == 400
    assert frame.post(path, how="email").status_code == 200
    assert frame.post(path, how="email").status_code == 409
    assert kept(services, account, statement)[0] == "email"


def test_goods_or_proof_end_the_wait_and_are_never_of_tomorrow(frame, shop, statement, services, account):
    path = f"/withdrawals/{statement}/goods"
    assert frame.post(path, goods="2026-11-22").status_code == 400
    assert frame.post(path).status_code == 400
    assert frame.post(path, sent="2026-11-21").status_code == 200
    assert kept(services, account, statement)[1:3] == (None, date(2026, 11, 21))
    assert "sent, proof of Sat 21 Nov" in frame.get(f"/orders/{shop['lamp']}").get_data(as_text=True)


def test_settled_stops_its_clocks(frame, shop, statement, services, account):
    assert frame.post(f"/withdrawals/{statement}/close").status_code == 200
    assert kept(services, account, statement)[3]
    text = frame.get(f"/pane?customer={shop['customer']}").get_data(as_text=True)
    assert "Acknowledge the withdrawal" not in text


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"received": "", "channel": "email", "q:{order}.12": "1"}, 400),
        ({"received": "2026-11-21T10:00", "channel": "email"}, 400),
        ({"received": "2026-11-21T10:00", "channel": "pigeon", "q:{order}.12": "1"}, 400),
        ({"received": "2026-11-22T10:00", "channel": "email", "q:{order}.12": "1"}, 400),
        ({"received": "2026-11-21T10:00", "channel": "email", "q:{order}.12": "3"}, 400),
        ({"received": "2026-11-21T10:00", "channel": "email", "q:{order}.99": "1"}, 400),
    ],
)
def test_what_cannot_be_is_not_written_down(frame, shop, services, account, form, status):
    order = str(shop["lamp"])
    values = {name.replace("{order}", order): value for name, value in form.items()}
    assert frame.post(f"/orders/{order}/withdrawal", **values).status_code == status
    with services.reading(account) as work:
        assert not work.session.scalars(select(Withdrawal).where(Withdrawal.order_id == shop["lamp"])).all()


def test_another_account_finds_none_of_it(another_desk, services, statement):
    stranger = another_desk()
    with services.transaction(stranger.account_id) as work, pytest.raises(NotFound):
        withdrawals.find(work, statement)
