"""What happens in the demo world: who ordered what, where the parcels are, what came back.

A store asks for :meth:`World.plans` and writes each :class:`OrderPlan` down in its own platform's
words. Plans come in the order they were placed and one at a time, so that a store with a hundred
thousand orders costs no more memory than one with ten. Everything follows from the seed, the moment
called `now` and the number of orders; nothing is read from the clock.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.demo.goods import BY_SKU, PRODUCTS, Kind, Product, Variant, picture
from connectors.demo.people import HEROES, Address, Person, person
from connectors.demo.plans import (
    CURRENCY,
    RETURN_REASONS,
    SHIPPING,
    STORE_NAME,
    TAX_PERCENT,
    Carrier,
    LinePlan,
    OrderPlan,
    Parcel,
    ParcelState,
    Payment,
    RefundPlan,
    ReturnPlan,
    ReturnState,
    Scan,
    Shipping,
    Stage,
    Store,
    discounted,
    state_of,
)
from connectors.demo.stories import hero_plans

__all__ = [
    "BY_SKU",
    "CURRENCY",
    "HEROES",
    "PRODUCTS",
    "RETURN_REASONS",
    "SHIPPING",
    "STORE_NAME",
    "TAX_PERCENT",
    "Address",
    "Carrier",
    "Kind",
    "LinePlan",
    "OrderPlan",
    "Parcel",
    "ParcelState",
    "Payment",
    "Person",
    "Product",
    "RefundPlan",
    "ReturnPlan",
    "ReturnState",
    "Scan",
    "Shipping",
    "Stage",
    "Store",
    "Variant",
    "World",
    "follow_parcel",
    "hero_plans",
    "picture",
    "tracking_number",
]

RECENT = 1.8
"""Above 1 the shop grows: recent days have more orders, so every state of a parcel is on show."""


POSTAL_SUFFIX = {"omniva": "EE", "royal-mail": "GB", "thailand-post": "TH"}
"""Post offices number parcels alike: two letters, nine digits, the country."""


def tracking_number(carrier: Carrier, rng: random.Random) -> str:
    digits = f"{rng.randrange(10**9):09d}"
    if suffix := POSTAL_SUFFIX.get(carrier.slug):
        return f"CC{digits}{suffix}"
    return f"{rng.randrange(1, 10)}{digits}{rng.randrange(10**4):04d}"


def follow_parcel(
    rng: random.Random,
    shipping: Shipping,
    lines: Sequence[tuple[int, int]],
    packed_at: datetime,
    now: datetime,
) -> Parcel:
    """One parcel's whole fate from its label on, cut off at `now`."""
    shortest, longest = shipping.days
    sent = packed_at + timedelta(hours=rng.uniform(1, 20))
    travel = timedelta(days=rng.uniform(shortest, longest))
    estimate = sent + timedelta(days=longest + 1)
    fate = rng.random()
    scans = [
        Scan(ParcelState.LABEL, packed_at, "Label created"),
        Scan(ParcelState.IN_TRANSIT, sent, f"Accepted by {shipping.carrier.company}, Tallinn"),
    ]
    if fate < 0.03:  # never seen again
        scans.append(Scan(ParcelState.IN_TRANSIT, sent + travel / 2, "Left the sorting centre"))
    elif fate < 0.05:
        back = sent + travel + timedelta(days=8)
        scans.append(Scan(ParcelState.OUT_FOR_DELIVERY, sent + travel, "Out for delivery"))
        scans.append(Scan(ParcelState.RETURNED, back, "Not collected, returned to sender"))
    else:
        arrival = sent + travel + (timedelta(days=rng.uniform(4, 9)) if fate < 0.13 else timedelta())
        scans.append(Scan(ParcelState.IN_TRANSIT, sent + travel / 2, "Left the sorting centre"))
        scans.append(Scan(ParcelState.OUT_FOR_DELIVERY, arrival - timedelta(hours=5), "Out for delivery"))
        scans.append(Scan(ParcelState.DELIVERED, arrival, "Delivered"))
    return Parcel(
        lines=tuple(lines),
        state=state_of(scans, estimate, now),
        carrier=shipping.carrier,
        number=tracking_number(shipping.carrier, rng),
        packed_at=packed_at.replace(microsecond=0),
        estimate=estimate.replace(microsecond=0),
        scans=tuple(replace(scan, at=scan.at.replace(microsecond=0)) for scan in scans if scan.at <= now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that has happened by `now`, for a store of about `orders` orders."""

    now: datetime
    """Aware, UTC."""
    seed: int = 1
    orders: int = 300
    span: timedelta = timedelta(days=400)
    """How far back the first order of a crowd lies; heroes' stories reach further."""

    @property
    def crowd(self) -> int:
        """How many people there are."""
        return max(120, self.orders // 8)

    def person(self, index: int) -> Person:
        return person(self.seed, index)

    def people(self) -> Iterator[Person]:
        return (self.person(index) for index in range(self.crowd))

    def plans(self, store: Store) -> Iterator[OrderPlan]:
        """The orders of one store, in the order they were placed. Heroes' orders count among them."""
        stories = sorted(hero_plans(store, self.now), key=_placed)
        many = max(0, self.orders - len(stories))
        return heapq.merge(stories, self._crowd_plans(store, many), key=_placed)

    def _crowd_plans(self, store: Store, many: int) -> Iterator[OrderPlan]:
        for number in range(many):
            rng = random.Random(f"{self.seed} {store} order {number}")
            ago = self.span * (1 - (number + rng.random()) / many) ** RECENT
            placed_at = (self.now - ago).replace(microsecond=0)
            yield self.plan(f"{store}-{self.seed}-{number}", rng, placed_at)

    def fresh(self, store: Store, number: int, placed_at: datetime) -> OrderPlan:
        """An order placed this moment, by anybody: the store's life goes on. `number` keeps it apart."""
        key = f"{store}-{self.seed}-live-{number}"
        later = World(now=placed_at, seed=self.seed, orders=self.orders, span=self.span)
        return later.plan(key, random.Random(key), placed_at.replace(microsecond=0), paid=True)

    def plan(self, key: str, rng: random.Random, placed_at: datetime, *, paid: bool = False) -> OrderPlan:
        """A likely order, and what has become of it by `now`."""
        buyer = self.person(len(HEROES) + int(rng.random() ** 1.6 * (self.crowd - len(HEROES))))
        code, percent = rng.choices([("", 0), ("WELCOME10", 10), ("AUTUMN15", 15)], [82, 12, 6])[0]
        lines = _basket(rng, buyer, percent)
        shipping = (
            rng.choice(SHIPPING[buyer.country]) if any(line.product.shipped for line in lines) else None
        )
        stage = Stage.PAID if paid else rng.choices(list(Stage), [3, 1, 93, 3])[0]
        payment = rng.choices([Payment.CARD, Payment.TRANSFER, Payment.ON_DELIVERY], [78, 17, 5])[0]
        draft = OrderPlan(
            key=key,
            person=buyer,
            placed_at=placed_at,
            stage=stage,
            lines=lines,
            shipping=shipping,
            tenders=((payment, sum(line.paid for line in lines) + (shipping.price if shipping else 0)),),
            discount_code=code,
            note=rng.choice(NOTES) if rng.random() < 0.12 else "",
            guest=rng.random() < 0.25,
            tags=("wholesale",) if rng.random() < 0.02 else (),
        )
        return _unfold(draft, rng, self.now)


def _placed(plan: OrderPlan) -> datetime:
    return plan.placed_at


NOTES = (
    "Palun jätke ukse taha",
    "Vă rog sunați înainte de livrare",
    "กรุณาโทรก่อนส่ง",
    "يرجى الاتصال قبل التسليم",
    "Please leave with the neighbour at no. 7",
    "Kingitus, palun hinnasilti mitte lisada 🎁",
)


def _basket(rng: random.Random, buyer: Person, percent: int) -> tuple[LinePlan, ...]:
    initials = f"{buyer.first_name[0]}.{buyer.last_name[0]}."
    chosen = rng.sample(PRODUCTS, rng.choices([1, 2, 3, 4, 6], [38, 30, 18, 10, 4])[0])
    lines = [
        LinePlan(
            product=product,
            variant=rng.choice(product.variants),
            quantity=rng.choices([1, 2, 3, 6], [74, 18, 6, 2])[0],
            engraving=initials if product.kind is Kind.PERSONALISED else "",
        )
        for product in chosen
    ]
    return discounted(lines, percent)


def _unfold(draft: OrderPlan, rng: random.Random, now: datetime) -> OrderPlan:
    """Parcels, then what went wrong, then what came back."""
    if draft.stage in (Stage.PENDING, Stage.FAILED):
        return draft
    if draft.stage is Stage.CANCELLED:
        at = min(now, draft.placed_at + timedelta(hours=rng.uniform(1, 20))).replace(microsecond=0)
        every = tuple((index, line.quantity) for index, line in enumerate(draft.lines))
        refund = RefundPlan(
            at=at, reason="Cancelled by the customer", lines=every, shipping=bool(draft.shipping)
        )
        return replace(draft, cancelled_at=at, refunds=(refund,))
    packed = replace(draft, parcels=tuple(_parcels(draft, rng, now)))
    returns, refunds = _aftermath(packed, rng, now)
    return replace(packed, returns=returns, refunds=refunds)


def _parcels(plan: OrderPlan, rng: random.Random, now: datetime) -> Iterator[Parcel]:
    pieces = [(index, line.quantity) for index, line in enumerate(plan.lines) if line.product.shipped]
    if not pieces or plan.shipping is None:
        return
    parts = [pieces]
    if len(pieces) > 1 and rng.random() < 0.22:
        cut = rng.randrange(1, len(pieces))
        parts = [pieces[:cut], pieces[cut:]]
    elif pieces[0][1] > 1 and rng.random() < 0.3:  # the same line in two parcels
        index, quantity = pieces[0]
        parts = [[(index, 1), *pieces[1:]], [(index, quantity - 1)]]
    ready = plan.placed_at
    for part in parts:
        ready = (ready + timedelta(days=rng.uniform(0.2, 2.5))).replace(microsecond=0)
        if ready <= now:
            yield follow_parcel(rng, plan.shipping, part, ready, now)


def _aftermath(
    plan: OrderPlan, rng: random.Random, now: datetime
) -> tuple[tuple[ReturnPlan, ...], tuple[RefundPlan, ...]]:
    """Lost parcels are paid back, some buyers send things back, some get a goodwill sum."""
    refunds: list[RefundPlan] = []
    returns: list[ReturnPlan] = []
    for parcel in plan.parcels:
        paid_back = parcel.estimate + timedelta(days=rng.uniform(15, 25))
        if parcel.state in (ParcelState.LOST, ParcelState.RETURNED) and paid_back <= now:
            reason = "Lost in the post" if parcel.state is ParcelState.LOST else "Returned to sender"
            refunds.append(RefundPlan(at=paid_back.replace(microsecond=0), reason=reason, lines=parcel.lines))
    arrived = [parcel for parcel in plan.parcels if parcel.delivered_at]
    roll = rng.random()
    if arrived and roll < 0.13:
        came = arrived[0].delivered_at or now
        asked = (came + timedelta(days=rng.uniform(1, 13))).replace(microsecond=0)
        if asked <= now:
            line = rng.choice(arrived[0].lines)
            _send_back(rng, (line[0], rng.randint(1, line[1])), asked, now, returns, refunds)
    elif roll < 0.16:
        at = (plan.placed_at + timedelta(days=rng.uniform(3, 15))).replace(microsecond=0)
        amount = min(500, sum(line.paid for line in plan.lines))
        if at <= now and not refunds:
            refunds.append(RefundPlan(at=at, reason="Goodwill for the delay", amount=amount))
    return tuple(returns), tuple(refunds)


def _send_back(
    rng: random.Random,
    line: tuple[int, int],
    asked: datetime,
    now: datetime,
    returns: list[ReturnPlan],
    refunds: list[RefundPlan],
) -> None:
    reason = rng.choice(RETURN_REASONS)
    closed = (asked + timedelta(days=rng.uniform(5, 14))).replace(microsecond=0)
    if rng.random() < 0.12:
        state = ReturnState.DECLINED
    elif closed <= now:
        state = ReturnState.CLOSED
        refunds.append(RefundPlan(at=closed, reason=f"Return: {reason.replace('_', ' ')}", lines=(line,)))
    else:
        state = ReturnState.OPEN if now - asked > timedelta(days=1) else ReturnState.REQUESTED
    returns.append(ReturnPlan(at=asked, state=state, lines=(line,), reason=reason))
