"""The vocabulary of the demo world: an order, its parcels and what came back, in no platform's words.

All money here is gross (tax included) and in euro cents, as a consumer sees it. All times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.demo.goods import Kind, Product, Variant
from connectors.demo.people import Person
from integration.money import split

CURRENCY = "EUR"

TAX_PERCENT = {"EE": 24, "RO": 21, "TH": 7, "SA": 15, "AE": 5, "GB": 20, "US": 0}
"""Standard rate by the country of delivery, 2026."""


class Store(StrEnum):
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"


STORE_NAME = {Store.SHOPIFY: "Lumi Home", Store.WOOCOMMERCE: "Lumi Outlet"}


class ParcelState(StrEnum):
    """As far as a parcel has come. A line in no parcel is not packed yet."""

    LABEL = "label_printed"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    LATE = "late"
    """Sent, past its estimate, and not delivered."""
    LOST = "lost"
    """Two weeks past its estimate."""
    RETURNED = "returned"
    """Went back to the sender."""


class Payment(StrEnum):
    CARD = "card"
    TRANSFER = "bank_transfer"
    ON_DELIVERY = "cash_on_delivery"
    GIFT_CARD = "gift_card"


class Stage(StrEnum):
    """Where an order as a whole stands, parcels aside."""

    PENDING = "pending"
    """Not paid (yet)."""
    FAILED = "failed"
    PAID = "paid"
    CANCELLED = "cancelled"
    """Paid and cancelled before anything was sent; see :attr:`OrderPlan.refunds`."""


class ReturnState(StrEnum):
    REQUESTED = "requested"
    OPEN = "open"
    """Approved; the goods are on their way back."""
    DECLINED = "declined"
    CLOSED = "closed"
    """Goods back and money back."""


@dataclass(frozen=True, slots=True)
class Carrier:
    slug: str
    """As WooCommerce tracking plugins name it."""
    company: str
    """As Shopify names it."""
    url: str
    """Where to follow a parcel; `{}` stands for its number."""


OMNIVA = Carrier("omniva", "Omniva", "https://minu.omniva.ee/track/{}")
DPD = Carrier("dpd", "DPD", "https://www.dpdgroup.com/ee/mydpd/my-parcels/track?parcelNumber={}")
FAN = Carrier("fan-courier", "FAN Courier", "https://www.fancourier.ro/awb-tracking/?awb={}")
THAI_POST = Carrier("thailand-post", "Thailand Post", "https://track.thailandpost.co.th/?trackNumber={}")
SMSA = Carrier("smsa-express", "SMSA Express", "https://www.smsaexpress.com/trackingdetails?tracknumbers={}")
ARAMEX = Carrier("aramex", "Aramex", "https://www.aramex.com/track/results?ShipmentNumber={}")
ROYAL_MAIL = Carrier(
    "royal-mail", "Royal Mail", "https://www.royalmail.com/track-your-item#/tracking-results/{}"
)
USPS = Carrier("usps", "USPS", "https://tools.usps.com/go/TrackConfirmAction?tLabels={}")


@dataclass(frozen=True, slots=True)
class Shipping:
    """One way to a country."""

    title: str
    price: int
    carrier: Carrier
    days: tuple[int, int]
    """Shortest and longest usual time on the road."""


SHIPPING: dict[str, tuple[Shipping, ...]] = {
    "EE": (
        Shipping("Omniva parcel locker", 350, OMNIVA, (1, 3)),
        Shipping("DPD courier", 490, DPD, (1, 2)),
    ),
    "RO": (Shipping("Curier rapid (FAN)", 990, FAN, (3, 6)),),
    "TH": (Shipping("EMS ไปรษณีย์ด่วน", 1490, THAI_POST, (6, 12)),),
    "SA": (Shipping("SMSA Express", 1790, SMSA, (5, 10)),),
    "AE": (Shipping("Aramex", 1690, ARAMEX, (4, 9)),),
    "GB": (Shipping("Royal Mail Tracked", 1090, ROYAL_MAIL, (4, 8)),),
    "US": (Shipping("USPS International", 1890, USPS, (6, 12)),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlan:
    product: Product
    variant: Variant
    quantity: int
    discount: int = 0
    """Its share of the order's discount, gross, for the whole line."""
    engraving: str = ""

    @property
    def gross(self) -> int:
        return self.product.price * self.quantity

    @property
    def paid(self) -> int:
        return self.gross - self.discount


@dataclass(frozen=True, slots=True)
class Scan:
    state: ParcelState
    at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    lines: tuple[tuple[int, int], ...]
    """Index of a line, and how many of it are inside."""
    state: ParcelState
    carrier: Carrier
    number: str
    packed_at: datetime
    estimate: datetime
    scans: tuple[Scan, ...]
    """Those that have happened by now, oldest first."""

    def _when(self, state: ParcelState) -> datetime | None:
        return next((scan.at for scan in self.scans if scan.state is state), None)

    @property
    def shipped_at(self) -> datetime | None:
        return self._when(ParcelState.IN_TRANSIT)

    @property
    def delivered_at(self) -> datetime | None:
        return self._when(ParcelState.DELIVERED)

    @property
    def url(self) -> str:
        return self.carrier.url.format(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPlan:
    at: datetime
    reason: str
    lines: tuple[tuple[int, int], ...] = ()
    shipping: bool = False
    amount: int | None = None
    """Only for a refund of a plain sum, with neither lines nor shipping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPlan:
    at: datetime
    state: ReturnState
    lines: tuple[tuple[int, int], ...]
    reason: str
    """One of :data:`RETURN_REASONS`."""
    note: str = ""


RETURN_REASONS = ("changed_mind", "too_small", "not_as_described", "defective", "wrong_item", "arrived_late")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    key: str
    """Unique in the world; a store may derive order keys and tokens from it."""
    person: Person
    placed_at: datetime
    stage: Stage
    lines: tuple[LinePlan, ...]
    shipping: Shipping | None
    tenders: tuple[tuple[Payment, int], ...]
    """What was paid how; the first is the main one. They add up to :attr:`total`."""
    discount_code: str = ""
    parcels: tuple[Parcel, ...] = ()
    refunds: tuple[RefundPlan, ...] = ()
    returns: tuple[ReturnPlan, ...] = ()
    cancelled_at: datetime | None = None
    note: str = ""
    guest: bool = False
    """Bought without an account, which also writes the e-mail in another letter case."""
    tags: tuple[str, ...] = ()

    @property
    def shipping_paid(self) -> int:
        return self.shipping.price if self.shipping else 0

    @property
    def total(self) -> int:
        return sum(line.paid for line in self.lines) + self.shipping_paid

    @property
    def email(self) -> str:
        return self.person.email.title() if self.guest else self.person.email

    @property
    def last_event(self) -> datetime:
        """When anything last happened to it: its time of modification."""
        moments = [self.placed_at, *(refund.at for refund in self.refunds), *(ret.at for ret in self.returns)]
        moments += [scan.at for parcel in self.parcels for scan in parcel.scans]
        return max([*moments, *([self.cancelled_at] if self.cancelled_at else [])])

    @property
    def settled(self) -> bool:
        """Whether everything that can be sent has been delivered (or there was nothing to send)."""
        unsent = sum(line.quantity for line in self.lines if line.product.shipped)
        done = sum(
            count
            for parcel in self.parcels
            if parcel.state is ParcelState.DELIVERED
            for _, count in parcel.lines
        )
        return unsent == done

    def line_refund(self, index: int, quantity: int) -> int:
        """What `quantity` pieces of a line cost the buyer, gross."""
        line = self.lines[index]
        return split(line.paid, [quantity, line.quantity - quantity])[0]

    def refund_amount(self, refund: RefundPlan) -> int:
        if refund.amount is not None:
            return refund.amount
        goods = sum(self.line_refund(index, quantity) for index, quantity in refund.lines)
        return goods + (self.shipping_paid if refund.shipping else 0)


def discounted(lines: Sequence[LinePlan], percent: int) -> tuple[LinePlan, ...]:
    """A percentage off the whole, shared out over the lines to the cent. Gift cards take none."""
    weights = [0 if line.product.kind is Kind.GIFT_CARD else line.gross for line in lines]
    off = sum(weights) * percent // 100
    shares = split(off, weights) if off else [0] * len(lines)
    return tuple(replace(line, discount=share) for line, share in zip(lines, shares, strict=True))


def state_of(scans: Sequence[Scan], estimate: datetime, now: datetime) -> ParcelState:
    """The last scan by `now`, unless the estimate has passed without an end."""
    state = max((scan for scan in scans if scan.at <= now), key=lambda scan: scan.at, default=scans[0]).state
    if state in (ParcelState.DELIVERED, ParcelState.RETURNED):
        return state
    if now > estimate + timedelta(days=14):
        return ParcelState.LOST
    return ParcelState.LATE if now > estimate else state
