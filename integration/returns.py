"""May it come back, until when, and what goes back: the engine, asked of cached orders.

Everything an order's verdict depends on is read here in a constant number of queries, however many
orders are judged. The rules are in `integration.eligibility`; the facts come from `order_facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import and_, or_, select

from integration.db.orders import Order, OrderLine
from integration.db.policies import Fact, Withdrawal
from integration.db.stores import Product
from integration.eligibility import PolicyBook, Request, ReturnReason, Ruling, Verdicts, judge, rule
from integration.eligibility.calendar import local_day
from integration.eligibility.facts import OrderFacts, When
from integration.eligibility.refund import line_items, nets
from integration.eligibility.tenders import share_out
from integration.eligibility.verdict import LineVerdict, Outcome, RefundSum, confirm
from integration.errors import BadInput, Unprocessable
from integration.ids import child_id
from integration.money import split
from integration.notices import Notice, days_of_lines, on_file, statements_of
from integration.order_facts import UNPAID, most_refundable, order_facts, product_keys
from integration.plain_orders import AnyOrder, AnyProduct, ShownOrder
from integration.policies import (
    current_policy,
    ensure_policy,
    policy_versions,
    save_policy,
)
from integration.said import NOTHING, OrderSaid, Words, say, understood, words_of
from integration.terms import AnyStore, Confirmation, Terms, read_terms
from integration.work import Work

__all__ = [
    "Books",
    "RefundPlan",
    "current_policy",
    "ensure_policy",
    "judge_facts",
    "judge_order",
    "judge_whole",
    "open_books",
    "policy_versions",
    "refund_sum",
    "rule_order",
    "save_policy",
    "say_fact",
    "weigh_order",
    "withdrawal_terms",
]


@dataclass(frozen=True, slots=True)
class Books:
    """What orders are judged by, read once for all of them."""

    policies: PolicyBook
    stores: Mapping[int, AnyStore]
    products: Mapping[int, Mapping[str, AnyProduct]]
    """Store → the store's id of the product → what we know of it."""
    said: Mapping[int, OrderSaid]
    confirmed: Mapping[tuple[str, str], Confirmation]
    notices: Mapping[int, tuple[Notice, ...]]
    """Order → what customers asked for and nobody settled yet."""

    def facts(self, order: AnyOrder, *, money: bool = True) -> OrderFacts:
        """As `order_facts`, with what is on file of notices."""
        facts = order_facts(
            order,
            store=self.stores.get(order.store_id),
            products=self.products.get(order.store_id, {}),
            said=self.said.get(order.id, NOTHING),
            money=money,
        )
        kept = self.notices.get(order.id, ())
        if not any(one.proof or one.goods for one in kept):
            return facts
        proof = facts.proof or min((one.proof for one in kept if one.proof), default=None)
        goods = facts.received or min((one.goods for one in kept if one.goods), default=None)
        return replace(facts, proof=proof, received=goods)

    def request(
        self,
        work: Work,
        order: AnyOrder,
        quantities: Mapping[str, int],
        *,
        notice_at: When | None,
        reason: ReturnReason,
        store_credit: bool = False,
        uses_label: bool = False,
    ) -> Request:
        """What is asked. Without a day of its own, what is on file keeps the day it was asked for."""
        now = work.now()
        kept = self.notices.get(order.id, ()) if notice_at is None else ()
        return Request(
            notice=notice_at or now,
            quantities=quantities,
            notices=days_of_lines(order, kept, quantities, now),
            reason=_reason_of(self, order, reason),
            store_credit=store_credit,
            uses_label=uses_label,
        )


def open_books(
    work: Work,
    orders: Sequence[AnyOrder],
    *,
    terms: Terms | None = None,
    words: Mapping[int, Words] | None = None,
    stated: Iterable[Withdrawal] | None = None,
) -> Books:
    """Four queries, for one order or for a thousand; fewer where the caller has read what belongs to them.

    `terms`: the account's; `words`: what `words_of` says; `stated`: the orders' withdrawal statements.
    """
    ids = [order.id for order in orders]
    terms = read_terms(work) if terms is None else terms
    words = words_of(work, ids) if words is None else words
    return Books(
        policies=terms.policies,
        stores=terms.stores,
        products=_products(work, orders),
        said={order_id: understood(facts) for order_id, facts in words.items()},
        confirmed=terms.confirmed,
        notices=on_file(orders, statements_of(work, ids) if stated is None else stated),
    )


def _products(work: Work, orders: Sequence[AnyOrder]) -> dict[int, dict[str, AnyProduct]]:
    """What orders bring along, else by one query."""
    found: dict[int, dict[str, AnyProduct]] = {}
    for order in orders:
        if isinstance(order, ShownOrder):
            known = {line.product_id: line.product for line in order.lines if line.product_id}
            found.setdefault(order.store_id, {}).update(
                {name: product for name, product in known.items() if product is not None}
            )
    wanted = product_keys(order for order in orders if not isinstance(order, ShownOrder))
    if wanted:
        named = [
            and_(Product.store_id == store_id, Product.platform_id.in_(ids))
            for store_id, ids in wanted.items()
        ]
        for product in work.session.scalars(select(Product).where(or_(*named))):
            found.setdefault(product.store_id, {})[product.platform_id] = product
    return found


def rule_order(work: Work, books: Books, order: AnyOrder) -> tuple[Ruling, ...]:
    """What is decided today of all that is left of the order, and not why. Line ids are public ones."""
    facts, request = _all_that_is_left(work, books, order, money=False)
    return rule(facts, request, books.policies.bound)


def judge_whole(work: Work, books: Books, order: AnyOrder) -> Verdicts:
    """The same with the reasoning and the sum."""
    return judge_facts(books, *_all_that_is_left(work, books, order))


def _all_that_is_left(
    work: Work, books: Books, order: AnyOrder, *, money: bool = True
) -> tuple[OrderFacts, Request]:
    facts = books.facts(order, money=money)
    why = ReturnReason.CHANGED_MIND
    return facts, books.request(work, order, whole(facts), notice_at=None, reason=why)


def judge_order(
    work: Work,
    order: Order,
    *,
    notice_at: When | None = None,
    reason: str = "changed_mind",
    quantities: Mapping[str, int] | None = None,
    store_credit: bool = False,
    uses_label: bool = False,
) -> Verdicts:
    """Verdicts on `quantities` (public line id → pieces; None: all that is left) of one order."""
    return weigh_order(
        work,
        order,
        notice_at=notice_at,
        reason=reason,
        quantities=quantities,
        store_credit=store_credit,
        uses_label=uses_label,
    )[1]


def weigh_order(
    work: Work,
    order: Order,
    *,
    notice_at: When | None = None,
    reason: str = "changed_mind",
    quantities: Mapping[str, int] | None = None,
    store_credit: bool = False,
    uses_label: bool = False,
) -> tuple[OrderFacts, Verdicts]:
    """The verdicts of `judge_order`, with the facts that they rest on."""
    books = open_books(work, [order])
    facts = books.facts(order)
    if notice_at and local_day(notice_at, facts.zone) < local_day(order.placed_at, facts.zone):
        raise BadInput("a notice comes after the order", code="bad_notice")
    request = books.request(
        work,
        order,
        whole(facts) if quantities is None else quantities,
        notice_at=notice_at,
        reason=read_reason(reason),
        store_credit=store_credit,
        uses_label=uses_label,
    )
    return facts, judge_facts(books, facts, request)


def withdrawal_terms(
    work: Work,
    order: Order,
    *,
    notice_at: When,
    quantities: Mapping[str, int] | None = None,
    sent: When | None = None,
    back: When | None = None,
) -> RefundSum:
    """What the law sets in motion with a withdrawal: `due` and `send_back_by`, and the sum.

    `sent`: proof of sending was shown; `back`: the goods arrived.
    """
    books = open_books(work, [order])
    facts = replace(books.facts(order), proof=sent, received=back)
    request = Request(notice=notice_at, quantities=whole(facts) if quantities is None else quantities)
    return judge_facts(books, facts, request).refund


def judge_facts(books: Books, facts: OrderFacts, request: Request) -> Verdicts:
    """The engine's answer, with the store owner's word on the law where it was given."""
    verdicts = judge(facts, request, books.policies.bound)
    word = books.confirmed.get((verdicts.law.id or "", verdicts.country or ""))
    return verdicts if word is None else confirm(verdicts, word.confirmed_by, word.confirmed_at.date())


def whole(facts: OrderFacts) -> dict[str, int]:
    """All pieces that are left; lines with none are asked for whole, to be told so."""
    return {line.id: line.left or line.quantity for line in facts.lines if line.quantity > 0}


def read_reason(code: str) -> ReturnReason:
    try:
        return ReturnReason(code)
    except ValueError as error:
        raise BadInput("there is no such reason for a return", code="unknown_reason") from error


def _reason_of(books: Books, order: AnyOrder, asked: ReturnReason) -> ReturnReason:
    """What was recorded of this order stands in where the caller only assumes a change of mind."""
    said = books.said.get(order.id, NOTHING).order.get("reason")
    return said if asked is ReturnReason.CHANGED_MIND and isinstance(said, ReturnReason) else asked


def say_fact(
    work: Work,
    order: Order,
    line: OrderLine | None,
    name: str,
    value: str,
    by: str,
    conversation: str | None = None,
    proof: str = "session",
) -> Fact:
    """Write down what only a person knows. The verdict after it is another."""
    return say(work, order, line, name, value, by=by, conversation=conversation, proof=proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """What goes back for some pieces of one line."""

    line_id: str
    platform_id: str
    quantity: int
    items: int
    """Their price, before fees."""
    amount: int
    """What the customer gets for them: fees taken off in proportion, so that lines and shipping add up."""
    verdict: LineVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPlan:
    """The sum for chosen pieces and shipping, in minor units of `currency`; nothing is done yet.

    total = the lines' amounts + shipping = items + shipping - fees.
    """

    currency: str
    lines: tuple[PlannedLine, ...]
    items: int
    shipping: int
    restock: int
    label: int
    diminished: int
    total: int
    tenders: tuple[tuple[str, int], ...]
    """Gateway → share, adding up to the total."""
    granted_shipping: int
    """What law or policy gives back for delivery with these pieces."""
    most: int
    """All that may still go back on the order."""
    beyond: tuple[str, ...]
    """Why this goes beyond the verdict, as codes; empty: it is what the customer is due."""
    store_credit_total: int | None
    verdicts: Verdicts
    zone: ZoneInfo

    @property
    def fees(self) -> int:
        return self.restock + self.label + self.diminished


def refund_sum(
    work: Work,
    order: Order,
    quantities: Mapping[str, int],
    *,
    shipping: int | None = None,
    reason: str = "changed_mind",
    notice_at: When | None = None,
    store_credit: bool = False,
    uses_label: bool = False,
) -> RefundPlan:
    """What goes back for these pieces (public line id → count) and this much of the delivery.

    `shipping` None means what the verdict grants. Pieces that the verdict refuses are summed too, and
    named in `beyond`: a person may decide so. Raises :exc:`Unprocessable` for what the order no longer
    has: other lines, more pieces, more delivery.
    """
    books = open_books(work, [order])
    facts = books.facts(order)
    _check_quantities(facts, quantities)
    chosen = {line_id: count for line_id, count in quantities.items() if count}
    verdicts = judge_facts(
        books,
        facts,
        books.request(
            work,
            order,
            chosen,
            notice_at=notice_at,
            reason=read_reason(reason),
            store_credit=store_credit,
            uses_label=uses_label,
        ),
    )
    granted = verdicts.refund.outbound
    left = max(0, facts.shipping.paid - facts.shipping.refunded)
    delivery = granted if shipping is None else shipping
    if not 0 <= delivery <= left:
        raise Unprocessable("more delivery than is left on this order", code="too_much_shipping")
    return _plan(order, facts, chosen, verdicts, delivery)


def _check_quantities(facts: OrderFacts, quantities: Mapping[str, int]) -> None:
    lines = {line.id: line for line in facts.lines}
    for line_id, count in quantities.items():
        line = lines.get(line_id)
        if line is None:
            raise Unprocessable("this order has no such line", code="unknown_line")
        if not 0 <= count <= line.left:
            raise Unprocessable(
                "more pieces than are left on this line",
                code="too_many_pieces",
                next_step="Look at the order again: some pieces were returned, refunded or removed.",
            )


def _plan(
    order: Order, facts: OrderFacts, chosen: Mapping[str, int], verdicts: Verdicts, shipping: int
) -> RefundPlan:
    refund = verdicts.refund
    platform_ids = {child_id(order.id, line.platform_id): line.platform_id for line in order.lines}
    net = nets(facts)
    by_id = {line.id: line for line in facts.lines}
    judged = [line for line in verdicts.lines if chosen.get(line.line_id)]
    prices = [
        line_items(by_id[line.line_id], net.get(line.line_id, 0), chosen[line.line_id]) for line in judged
    ]
    due = [line.items for line in judged]
    fees = min(refund.restock + refund.label + refund.diminished, sum(due))
    shares = split(fees, due)
    amounts = [max(0, price - share) for price, share in zip(prices, shares, strict=True)]
    most = most_refundable(order)
    total = sum(amounts) + shipping
    beyond = [
        f"verdict:{line.outcome}:{line.line_id}" for line in judged if line.outcome is not Outcome.ACCEPT
    ]
    beyond += [
        f"repair_first:{line.line_id}"
        for line, price in zip(judged, prices, strict=True)
        if line.outcome is Outcome.ACCEPT and line.items < price
    ]
    if shipping > refund.outbound:
        beyond.append("shipping")
    if total > most and order.financial_status in UNPAID:
        raise Unprocessable(
            "nothing was paid on this order",
            code="not_paid",
            next_step="There is no money to give back. Cancel the order instead.",
        )
    if total > most:
        raise Unprocessable(
            "more than is left to pay back on this order",
            code="too_much_money",
            next_step="Look at the order again: part of it was refunded already.",
        )
    credit = refund.store_credit_total
    if credit is not None and refund.total != total:
        credit = None
    return RefundPlan(
        currency=facts.currency,
        lines=tuple(
            PlannedLine(
                line_id=line.line_id,
                platform_id=platform_ids[line.line_id],
                quantity=chosen[line.line_id],
                items=price,
                amount=amount,
                verdict=line,
            )
            for line, price, amount in zip(judged, prices, amounts, strict=True)
        ),
        items=sum(prices),
        shipping=shipping,
        restock=refund.restock,
        label=refund.label,
        diminished=refund.diminished,
        total=total,
        tenders=tuple(share for share in share_out(facts.tenders, total)[1] if share[1]),
        granted_shipping=refund.outbound,
        most=most,
        beyond=tuple(beyond),
        store_credit_total=credit,
        verdicts=verdicts,
        zone=facts.zone,
    )
