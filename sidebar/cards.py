"""Orders as the agent reads them: frozen view models, built from rows, rulings and verdicts. No queries here.

A pane shows most orders shut: `ShutOrder` is what such a one says. `OrderCard` is one with its body, which
takes many times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, ClassVar

from integration.eligibility import Ruling, explain
from integration.eligibility.verdict import Outcome, Verdicts
from integration.ids import child_id
from integration.money import Money
from integration.plain_orders import SeenLine, SeenOrder
from integration.ports import ActionKind
from integration.records import FinancialStatus, FulfillmentStatus, Platform
from integration.terms import AnyStore
from integration.views import admin_url
from sidebar.formats import day, local, today
from sidebar.languages import enumerated, ngettext
from sidebar.languages import gettext as _
from sidebar.parcels import Parcel, parcels
from sidebar.statements import Statement
from sidebar.verdicts import VerdictCard, verdict_card

Said = Mapping[str | None, Mapping[str, str]]
"""Facts that people added to an order: platform id of the line (None: the whole order) → name → value."""

PLATFORM_NAMES = {Platform.SHOPIFY: "Shopify", Platform.WOOCOMMERCE: "WooCommerce"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCard:
    id: str
    title: str
    variant: str
    image: str | None
    quantity: int
    total: Money
    unit: Money
    refundable: int
    returned: int
    kind: str
    """What is drawn where there is no picture: goods, digital, card."""
    verdict: VerdictCard | None


@dataclass(frozen=True, slots=True)
class Say:
    """The one line that matters while the order is shut."""

    kind: str
    """bad, warn, ok or empty; always with words."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A button of the order; disabled ones say why."""

    kind: ActionKind
    word: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """A refund that the store has recorded."""

    at: datetime
    amount: Money
    note: str
    paid: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comeback:
    """A return that the store knows."""

    status: str
    word: str
    at: datetime | None
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The right of an order that ends first, while it may still be used."""

    line_id: str
    title: str
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutOrder:
    """A shut order: its one line, and what may be urgent about it."""

    whole: ClassVar[bool] = False
    id: str
    name: str
    placed_at: datetime
    store_id: int
    store_name: str
    total: Money
    refunded: Money
    paid_with: str
    say: tuple[Say, ...]
    parcels: tuple[Parcel, ...]
    unsent: int
    refunds: tuple[MoneyBack, ...]
    returns: tuple[Comeback, ...]
    ending: Ending | None
    version: str
    statements: tuple[Statement, ...] = ()
    opened: bool = False
    actions: tuple[dict[str, Any], ...] = field(default=())

    @property
    def late(self) -> Parcel | None:
        return next((parcel for parcel in self.parcels if parcel.late), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCard(ShutOrder):
    """An order with its body: every line with its verdict, and the buttons."""

    whole: ClassVar[bool] = True
    platform: str
    lines: tuple[LineCard, ...]
    acts: tuple[Act, ...]
    admin_url: str | None
    note: str
    tags: tuple[str, ...]
    cancelled_at: datetime | None
    address: str


def shut_order(
    order: SeenOrder,
    store: AnyStore,
    rulings: Sequence[Ruling],
    *,
    actions: Sequence[dict[str, Any]] = (),
    statements: Sequence[Statement] = (),
    version: str = "",
) -> ShutOrder:
    shipped, unsent = parcels(order), _unsent(order)
    return ShutOrder(
        id=str(order.id),
        name=order.name,
        placed_at=order.placed_at,
        store_id=store.id,
        store_name=store.name,
        total=Money(order.total, order.currency),
        refunded=Money(order.refunded, order.currency),
        paid_with=_paid_with(order),
        say=tuple(_say(order, shipped, unsent, rulings)),
        parcels=tuple(shipped),
        unsent=unsent,
        refunds=tuple(
            MoneyBack(
                at=refund.created_at,
                amount=Money(refund.amount, order.currency),
                note=refund.note,
                paid=refund.paid_back,
            )
            for refund in order.refunds
            if refund.amount
        ),
        returns=tuple(_comebacks(order)) if order.returns else (),
        ending=_ending(order, rulings),
        version=f"{order.digest[:12]}-{version}",
        statements=tuple(statements),
        actions=tuple(actions),
    )


def order_card(
    shut: ShutOrder,
    order: SeenOrder,
    store: AnyStore,
    verdicts: Verdicts,
    *,
    said: Said,
    acts: Sequence[Act] = (),
    opened: bool = False,
) -> OrderCard:
    """The same order with its body."""
    of_both = {name: getattr(shut, name) for name in OF_BOTH}
    return OrderCard(
        **{**of_both, "opened": opened},
        platform=PLATFORM_NAMES[store.platform],
        lines=tuple(line_cards(order, verdicts, said)),
        acts=tuple(acts),
        admin_url=admin_url(order, store),
        note=order.note,
        tags=tuple(str(tag) for tag in order.tags),
        cancelled_at=order.cancelled_at,
        address=_address(order.shipping_address),
    )


OF_BOTH = tuple(one.name for one in fields(ShutOrder))


def _ending(order: SeenOrder, rulings: Sequence[Ruling]) -> Ending | None:
    ends = [
        (last, ruling.line.id)
        for ruling in rulings
        if ruling.outcome is Outcome.ACCEPT
        and isinstance(last := explain.last_day(ruling), date)
        and last >= today()
    ]
    if not ends:
        return None
    first = min(last for last, _line_id in ends)
    line_id = next(line_id for last, line_id in ends if last == first)
    titles = {child_id(order.id, line.platform_id): line.title for line in order.lines}
    return Ending(line_id, titles[line_id], first)


def line_cards(order: SeenOrder, verdicts: Verdicts, said: Said) -> list[LineCard]:
    judged = {line.line_id: line for line in verdicts.lines}
    ordered = local(order.placed_at)
    returned = pieces_back(order)
    cards = []
    for line in order.lines:
        public = child_id(order.id, line.platform_id)
        found = judged.get(public)
        cards.append(
            LineCard(
                id=public,
                title=line.title,
                variant=_variant(line),
                image=line.image_url if (line.image_url or "").startswith("https://") else None,
                quantity=line.quantity,
                total=Money(line.total, order.currency),
                unit=Money(line.unit_price, order.currency),
                refundable=line.refundable_quantity,
                returned=returned.get(line.platform_id, 0),
                kind="card" if line.is_gift_card else ("goods" if line.requires_shipping else "digital"),
                verdict=verdict_card(found, said.get(line.platform_id, {}), ordered, verdicts.refund)
                if found
                else None,
            )
        )
    return cards


def _variant(line: SeenLine) -> str:
    """Variant, then what the customer chose or typed; names of fields stay the store's own."""
    chosen = [f"“{value}”" for value in line.properties.values() if value and len(str(value)) <= 80]
    return ", ".join([*([line.variant_title] if line.variant_title else []), *chosen])


def pieces_back(order: SeenOrder) -> dict[str, int]:
    """Pieces paid back, by platform id of the line."""
    pieces: dict[str, int] = {}
    for refund in order.refunds:
        for line in refund.lines:
            pieces[line["line_id"]] = pieces.get(line["line_id"], 0) + line.get("quantity", 0)
    return pieces


def _unsent(order: SeenOrder) -> int:
    """Pieces that no parcel holds yet."""
    if order.cancelled_at is not None:
        return 0
    packed: dict[str, int] = {}
    for row in order.fulfillments:
        if row.status not in ("cancelled", "error", "failure"):
            for line in row.lines:
                packed[line["line_id"]] = packed.get(line["line_id"], 0) + line.get("quantity", 0)
    if order.fulfillments and not packed:
        return 0  # the store does not say which goods are in its parcels
    if order.fulfillment_status in (FulfillmentStatus.FULFILLED, FulfillmentStatus.DELIVERED):
        return 0
    return sum(
        max(0, line.current_quantity - packed.get(line.platform_id, 0))
        for line in order.lines
        if line.requires_shipping
    )


def _paid_with(order: SeenOrder) -> str:
    status = order.financial_status
    if status is FinancialStatus.PENDING:
        return _("Not paid yet")
    if status is FinancialStatus.AUTHORIZED:
        return _("Authorised, not charged yet")
    if status is FinancialStatus.VOIDED:
        return _("Payment voided")
    if status is FinancialStatus.FAILED:
        return _("Payment failed")
    titles = list(dict.fromkeys(str(title) for title in order.payment_methods if title))
    if not titles:
        return _("Paid")
    if status is FinancialStatus.PARTIALLY_PAID:
        return _("Partly paid with %(means)s", means=_and(titles))
    return _("Paid with %(means)s", means=_and(titles))


def _and(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    return _("%(first)s and %(last)s", first=enumerated(words[:-1]), last=words[-1])


def _say(order: SeenOrder, shipped: Sequence[Parcel], unsent: int, rulings: Sequence[Ruling]) -> list[Say]:
    """At most two facts: what is wrong or due, then the state of the money or of the rights."""
    said: list[Say] = []
    late = [parcel for parcel in shipped if parcel.late]
    if order.cancelled_at is not None:
        said.append(Say("", _("Cancelled %(day)s", day=day(order.cancelled_at))))
    elif late and len(shipped) > 1:
        said.append(
            Say(
                "bad",
                _late_of(len(late), len(shipped)),
            )
        )
    elif late:
        said.append(Say("bad", late[0].headline))
    elif shipped and all(parcel.delivered_at for parcel in shipped) and not unsent:
        said.append(Say("", _("Delivered %(day)s", day=day(_last_delivery(shipped)))))
    elif shipped:
        said.append(Say("", shipped[0].headline))
    elif unsent:
        said.append(Say("", _("Not sent yet")))
    said.append(_money_or_rights(order, rulings))
    return [say for say in said if say.text][:2]


def _late_of(late: int, of: int) -> str:
    return str(ngettext("%(late)s of %(num)s parcel late", "%(late)s of %(num)s parcels late", of, late=late))


def _last_delivery(shipped: Sequence[Parcel]) -> datetime | None:
    return max((parcel.delivered_at for parcel in shipped if parcel.delivered_at), default=None)


def _money_or_rights(order: SeenOrder, rulings: Sequence[Ruling]) -> Say:
    if order.financial_status is FinancialStatus.PENDING:
        return Say("warn", _("not paid yet"))
    if order.financial_status in (FinancialStatus.VOIDED, FinancialStatus.FAILED):
        return Say("warn", _("payment failed"))
    if order.refunded and order.refunded >= order.total:
        return Say("", _("refunded"))
    if any(row.status in ("requested", "open") for row in order.returns):
        return Say("warn", _("coming back"))
    if order.refunded:
        return Say("", _("partly refunded"))
    if rulings and all(ruling.outcome is Outcome.REFUSE for ruling in rulings):
        return Say("", _("return period over"))
    return Say("", _("paid"))


def _comebacks(order: SeenOrder) -> list[Comeback]:
    titles = {line.platform_id: line.title for line in order.lines}
    words = {
        "requested": _("Return asked for"),
        "open": _("Coming back"),
        "closed": _("Return closed"),
        "declined": _("Return declined"),
        "canceled": _("Return withdrawn"),
    }
    return [
        Comeback(
            status=row.status,
            word=words.get(row.status, row.status),
            at=row.created_at,
            what=", ".join(
                dict.fromkeys(titles.get(line.get("line_id") or "", "") for line in row.lines)
            ).strip(", "),
            reason=reason_word(row.lines[0].get("reason", "")) if row.lines else "",
        )
        for row in order.returns
    ]


def reasons() -> dict[str, str]:
    """Why goods come back, in our own codes. Source: our facts on returns, "Return reasons"."""
    return {
        "changed_mind": _("Changed mind"),
        "size_small": _("Too small"),
        "size_large": _("Too large"),
        "fit": _("Does not fit"),
        "colour": _("Another colour wanted"),
        "style": _("Another style wanted"),
        "defective": _("Faulty"),
        "damaged_in_transit": _("Damaged on the way"),
        "not_as_described": _("Not as described"),
        "wrong_item": _("Wrong item"),
        "missing_item": _("Item missing"),
        "arrived_late": _("Arrived late"),
        "ordered_twice": _("Ordered twice"),
        "better_price": _("Found a better price"),
        "unknown": _("Not known"),
    }


def reason_word(code: str) -> str:
    return reasons().get(code, "")


def _address(address: dict[str, Any] | None) -> str:
    if not address:
        return ""
    parts = ("name", "company", "address1", "address2", "zip", "city", "province", "country")
    return ", ".join(str(address[part]) for part in parts if address.get(part))
