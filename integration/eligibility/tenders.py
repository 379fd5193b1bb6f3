"""One refund over several means of payment (D10)."""

from __future__ import annotations

from collections.abc import Sequence

from integration.eligibility.facts import Tender
from integration.money import split


def room(tenders: Sequence[Tender]) -> int:
    """All that they still hold."""
    return sum(max(0, tender.charged - tender.refunded) for tender in tenders)


def share_out(tenders: Sequence[Tender], total: int) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The refund by what each tender was charged, largest remainder (D10).

    No tender gets back more than it still holds; what it cannot take goes to the others.
    More than was ever paid never goes back.
    """
    if not tenders:
        return total, ()
    rooms = [max(0, tender.charged - tender.refunded) for tender in tenders]
    total = min(total, sum(rooms))
    shares = [0] * len(tenders)
    left = total
    while left:
        weights = [tender.charged if rooms[i] > shares[i] else 0 for i, tender in enumerate(tenders)]
        parts = split(left, weights)
        shares = [
            min(rooms[i], share + part) for i, (share, part) in enumerate(zip(shares, parts, strict=True))
        ]
        left = total - sum(shares)
    return total, tuple((tender.name, share) for tender, share in zip(tenders, shares, strict=True))
