"""The told stories of the demo world: what the sample conversations are about.

Kadri Tamm, whose conversation `make demo` opens, waits for a lamp in one store and has sent slippers back
to the other. The rest give every script and country somebody worth writing to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.demo.goods import BY_SKU
from connectors.demo.people import HEROES, Person
from connectors.demo.plans import (
    SHIPPING,
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


def _line(sku: str, quantity: int = 1, *, variant: int = 0, engraving: str = "") -> LinePlan:
    product = BY_SKU[sku]
    return LinePlan(
        product=product, variant=product.variants[variant], quantity=quantity, engraving=engraving
    )


def _sent(
    shipping: Shipping,
    number: str,
    lines: Sequence[tuple[int, int]],
    now: datetime,
    *,
    sent: float,
    estimate: float,
    delivered: float | None = None,
) -> Parcel:
    """A parcel of a told story; `sent`, `estimate` and `delivered` are days before `now`."""

    def ago(days: float) -> datetime:
        return (now - timedelta(days=days)).replace(microsecond=0)

    scans = [
        Scan(ParcelState.LABEL, ago(sent + 0.4), "Label created"),
        Scan(ParcelState.IN_TRANSIT, ago(sent), f"Accepted by {shipping.carrier.company}, Tallinn"),
    ]
    if delivered is None:
        scans.append(Scan(ParcelState.IN_TRANSIT, ago(max(sent - 2, 0.1)), "Left the sorting centre"))
    else:
        scans.append(Scan(ParcelState.OUT_FOR_DELIVERY, ago(delivered + 0.2), "Out for delivery"))
        scans.append(Scan(ParcelState.DELIVERED, ago(delivered), "Delivered"))
    return Parcel(
        lines=tuple(lines),
        state=state_of(scans, ago(estimate), now),
        carrier=shipping.carrier,
        number=number,
        packed_at=ago(sent + 0.4),
        estimate=ago(estimate),
        scans=tuple(scans),
    )


def _story(
    key: str,
    hero: Person,
    now: datetime,
    days: float,
    lines: Sequence[LinePlan],
    shipping: Shipping | None,
    *,
    percent: int = 0,
    code: str = "",
    gift: int = 0,
    payment: Payment = Payment.CARD,
    **more: object,
) -> OrderPlan:
    """An order placed `days` ago; `gift` cents of it were paid with a gift card."""
    bought = discounted(lines, percent)
    total = sum(line.paid for line in bought) + (shipping.price if shipping else 0)
    tenders = ((payment, total - gift), *(((Payment.GIFT_CARD, gift),) if gift else ()))
    placed_at = (now - timedelta(days=days)).replace(microsecond=0)
    plan = OrderPlan(
        key=key,
        person=hero,
        placed_at=placed_at,
        stage=Stage.PAID,
        lines=bought,
        shipping=shipping,
        tenders=tenders,
        discount_code=code,
    )
    return replace(plan, **more)  # type: ignore[arg-type]  # a story names real fields; the tests tell every one


def hero_plans(store: Store, now: datetime) -> list[OrderPlan]:
    """The told stories: what the sample conversations are about."""
    return _in_shopify(now) if store is Store.SHOPIFY else _in_woocommerce(now)


def _ago(now: datetime, days: float) -> datetime:
    return (now - timedelta(days=days)).replace(microsecond=0)


def _in_shopify(now: datetime) -> list[OrderPlan]:
    kadri, andrei, nattaya, fatima, saif, olivia = HEROES
    locker, courier = SHIPPING["EE"]
    fan, ems, smsa = SHIPPING["RO"][0], SHIPPING["TH"][0], SHIPPING["SA"][0]
    aramex, royal = SHIPPING["AE"][0], SHIPPING["GB"][0]
    return [
        _story(
            "kadri-lamp",
            kadri,
            now,
            17,
            [
                _line("THROW-SAAR"),
                _line("SCRUB-HONEY", 2),
                _line("TOWEL-MONO", engraving="K.T."),
                _line("LAMP-KUU"),
            ],
            courier,
            gift=5000,
            parcels=(
                _sent(
                    courier,
                    "05300012345678",
                    [(0, 1), (1, 2), (2, 1)],
                    now,
                    sent=9.6,
                    estimate=7,
                    delivered=8,
                ),
                _sent(locker, "CC004456789EE", [(3, 1)], now, sent=9, estimate=5),
            ),
        ),
        _story(
            "kadri-spring",
            kadri,
            now,
            252,
            [_line("BASKET-PAJU", variant=1), _line("MUG-KASMU", 4)],
            locker,
            percent=10,
            code="WELCOME10",
            parcels=(
                _sent(locker, "CC003311204EE", [(0, 1), (1, 4)], now, sent=250, estimate=247, delivered=248),
            ),
        ),
        _story(
            "kadri-curtain",
            kadri,
            now,
            520,
            [_line("CURTAIN-LINEN"), _line("CANDLE-BEES")],
            locker,
            parcels=(
                _sent(locker, "CC002200117EE", [(0, 1), (1, 1)], now, sent=518, estimate=515, delivered=516),
            ),
            returns=(
                ReturnPlan(
                    at=_ago(now, 512),
                    state=ReturnState.CLOSED,
                    lines=((0, 1),),
                    reason="too_small",
                    note="Too short for our window",
                ),
            ),
            refunds=(RefundPlan(at=_ago(now, 505), reason="Return: too short", lines=((0, 1),)),),
        ),
        _story("kadri-patterns", kadri, now, 96, [_line("PATTERN-MITTEN"), _line("GIFT-50")], None),
        _story(
            "andrei-rug",
            andrei,
            now,
            12,
            [_line("RUG-SAMPLE"), _line("CUSHION-KIHNU", 2)],
            fan,
            parcels=(_sent(fan, "29000310917490", [(0, 1), (1, 2)], now, sent=10, estimate=4, delivered=5),),
        ),
        _story(
            "nattaya-towels",
            nattaya,
            now,
            15,
            [_line("TOWEL-MONO", 2, variant=1, engraving="N.S."), _line("OIL-SAUNA")],
            ems,
            parcels=(_sent(ems, "CC710022345TH", [(0, 2), (1, 1)], now, sent=13, estimate=-1),),
        ),
        _story(
            "fatima-throw",
            fatima,
            now,
            30,
            [_line("THROW-MUHU"), _line("LAMP-KUU", variant=1)],
            smsa,
            parcels=(
                _sent(smsa, "29002402533901", [(0, 1), (1, 1)], now, sent=28, estimate=18, delivered=20),
            ),
            returns=(
                ReturnPlan(
                    at=_ago(now, 10),
                    state=ReturnState.OPEN,
                    lines=((1, 1),),
                    reason="defective",
                    note="المصباح لا يعمل",
                ),
            ),
        ),
        _story("saif-lamps", saif, now, 1.5, [_line("LAMP-VALGUS", 3)], aramex, payment=Payment.TRANSFER),
        _story(
            "olivia-pot",
            olivia,
            now,
            45,
            [_line("POT-RAKU"), _line("TEA-FOREST", 3)],
            royal,
            parcels=(
                _sent(royal, "CC550041207GB", [(0, 1), (1, 3)], now, sent=43, estimate=34, delivered=37),
            ),
        ),
    ]


def _in_woocommerce(now: datetime) -> list[OrderPlan]:
    kadri, andrei, nattaya, fatima, saif, olivia = HEROES
    locker, courier = SHIPPING["EE"]
    fan, ems, smsa = SHIPPING["RO"][0], SHIPPING["TH"][0], SHIPPING["SA"][0]
    aramex = SHIPPING["AE"][0]
    return [
        _story(
            "kadri-slippers",
            kadri,
            now,
            26,
            [_line("SLIPPERS-VILT", variant=1), _line("BOARD-BIRCH")],
            locker,
            parcels=(
                _sent(locker, "CC004390021EE", [(0, 1), (1, 1)], now, sent=24, estimate=20, delivered=22),
            ),
            returns=(
                ReturnPlan(
                    at=_ago(now, 14),
                    state=ReturnState.OPEN,
                    lines=((0, 1),),
                    reason="changed_mind",
                    note="Withdrew by the form; Omniva receipt #0913",
                ),
            ),
        ),
        _story(
            "kadri-vase",
            kadri,
            now,
            11,
            [_line("VASE-LAST"), _line("CANDLE-BEES", 2), _line("JAM-ROSEHIP")],
            courier,
            parcels=(
                _sent(courier, "05300098761234", [(0, 1), (2, 1)], now, sent=9, estimate=6, delivered=7),
                _sent(locker, "CC004477120EE", [(1, 2)], now, sent=8, estimate=3),
            ),
        ),
        _story(
            "kadri-cup",
            kadri,
            now,
            640,
            [_line("MUG-KASMU", 2, variant=2)],
            locker,
            guest=True,
            parcels=(_sent(locker, "CC001987001EE", [(0, 2)], now, sent=638, estimate=635, delivered=636),),
            refunds=(RefundPlan(at=_ago(now, 630), reason="Broken on arrival", lines=((0, 1),)),),
        ),
        _story(
            "andrei-jam",
            andrei,
            now,
            8,
            [_line("JAM-ROSEHIP", 4), _line("BOARD-BIRCH")],
            fan,
            parcels=(_sent(fan, "29000648152480", [(0, 4), (1, 1)], now, sent=6, estimate=-1),),
        ),
        _story(
            "nattaya-candles",
            nattaya,
            now,
            60,
            [_line("CANDLE-BEES", 3)],
            ems,
            parcels=(_sent(ems, "CC709811200TH", [(0, 3)], now, sent=58, estimate=45, delivered=49),),
        ),
        _story(
            "fatima-scrubs",
            fatima,
            now,
            21,
            [_line("SCRUB-HONEY", 3), _line("SCRUB-BIRCH")],
            smsa,
            percent=15,
            code="AUTUMN15",
            parcels=(
                _sent(smsa, "29002402577001", [(0, 3), (1, 1)], now, sent=19, estimate=8, delivered=10),
            ),
        ),
        _story(
            "saif-sign",
            saif,
            now,
            75,
            [_line("SIGN-DOOR", 2, engraving="المنصوري")],
            aramex,
            parcels=(_sent(aramex, "44017726120", [(0, 2)], now, sent=70, estimate=60, delivered=63),),
            refunds=(RefundPlan(at=_ago(now, 55), reason="Goodwill: scratched", amount=1000),),
        ),
        _story("olivia-quilt", olivia, now, 4, [_line("PATTERN-QUILT"), _line("PATTERN-MITTEN")], None),
    ]
