"""Where each parcel is: from a fulfillment's scans to a headline and at most four steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from integration.ids import child_id, tail
from integration.plain_orders import SeenOrder, SeenParcel
from sidebar.formats import clock, day, local, tiny_day, today
from sidebar.languages import gettext as _
from sidebar.languages import ngettext

PACKED = frozenset({"label_printed", "label_purchased", "confirmed"})
"""What the store alone says of a parcel that no carrier has taken yet."""
GONE = frozenset({"cancelled", "error", "failure"})
"""Fulfillments that never became a parcel."""


@dataclass(frozen=True, slots=True)
class Step:
    word: str
    when: str
    state: str
    """done, here, late, got, or empty for what is still to come."""


class Parcel:
    """One parcel, each part worked out when it is asked for: of a shut order hardly any is."""

    def __init__(self, order: SeenOrder, row: SeenParcel) -> None:
        self._order, self._row = order, row
        self.delivered_at = row.delivered_at
        self.expected = row.estimated_delivery_at
        self.late_days = _late_days(row)

    @property
    def late(self) -> bool:
        return self.late_days > 0

    @property
    def anchor(self) -> str:
        return f"parcel-{self._order.id}-{tail(self._row.platform_id)}"

    @cached_property
    def status(self) -> str:
        return _status(self._row)

    @cached_property
    def headline(self) -> str:
        return _headline(self._row, self.status, self.late_days)

    @cached_property
    def what(self) -> str:
        pieces = sum(line.get("quantity", 0) for line in self._row.lines)
        return _what(self._row, self._names, pieces, self.seen_at)

    @property
    def items(self) -> str:
        """Names of what is in it, for sentences."""
        return self._names[0] if len(set(self._names)) == 1 else ""

    @cached_property
    def pieces(self) -> dict[str, int]:
        """How many of each line of the order are in it, by the line's public id."""
        found: dict[str, int] = {}
        for line in self._row.lines:
            public = child_id(self._order.id, str(line.get("line_id")))
            found[public] = found.get(public, 0) + int(line.get("quantity") or 0)
        return found

    @cached_property
    def _names(self) -> list[str]:
        titles = {line.platform_id: line.title for line in self._order.lines}
        return [titles[line["line_id"]] for line in self._row.lines if line.get("line_id") in titles]

    @property
    def carrier(self) -> str:
        return self._tracked("company")

    @property
    def number(self) -> str:
        return self._tracked("number")

    @property
    def url(self) -> str | None:
        return _safe(self._tracked("url"))

    def _tracked(self, name: str) -> str:
        tracking = self._row.tracking
        return str(tracking[0].get(name) or "") if tracking else ""

    @property
    def seen_at(self) -> datetime | None:
        return self._scan[0]

    @property
    def seen(self) -> str:
        return self._scan[1]

    @cached_property
    def _scan(self) -> tuple[datetime | None, str]:
        return _last_scan(self._row)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return _steps(self._row, self.status, self.seen_at, self.seen, self.late_days)


def parcels(order: SeenOrder) -> list[Parcel]:
    """The order's parcels: late ones first, then those on their way, then those that arrived."""
    found = [Parcel(order, row) for row in order.fulfillments if row.status not in GONE]
    return sorted(found, key=lambda parcel: (not parcel.late, parcel.delivered_at is not None))


def _safe(url: str) -> str | None:
    return url if url.startswith(("https://", "http://")) else None


def _status(row: SeenParcel) -> str:
    if row.delivered_at is not None:
        return "delivered"
    if row.shipment_status:
        return row.shipment_status
    return "in_transit" if row.shipped_at else "unknown"


def _late_days(row: SeenParcel) -> int:
    """Whole days past the promised one; 0 while it is not late or has arrived."""
    if row.delivered_at is not None or row.estimated_delivery_at is None:
        return 0
    return max(0, (today() - local(row.estimated_delivery_at)).days)


def _last_scan(row: SeenParcel) -> tuple[datetime | None, str]:
    """When and where the carrier last saw it; the store's own marks and printed labels are no scans."""
    for event in reversed(row.events):
        at = event.get("at")
        if at and event.get("status") not in PACKED:
            moment = datetime.fromisoformat(at) if isinstance(at, str) else at
            return moment, str(event.get("place") or "")
    return None, ""


def _headline(row: SeenParcel, status: str, late: int) -> str:
    if row.delivered_at is not None:
        return _("Delivered %(day)s", day=day(row.delivered_at))
    if late:
        return days_late(late)
    if status == "failure":
        return _("Could not be delivered")
    if status in ("returned", "returned_to_sender"):
        return _("Went back to the sender")
    if status in ("ready_for_pickup", "available_for_pickup"):
        return _("Waits to be collected")
    if status == "out_for_delivery":
        return _("Out for delivery")
    if status in PACKED:
        return _("Label made, not sent yet")
    if row.estimated_delivery_at is not None:
        return _("Expected %(day)s", day=day(row.estimated_delivery_at))
    if status == "unknown":
        return _("Where it is, is not known")
    return _("On its way")


def days_late(days: int) -> str:
    return ngettext("%(num)s day late", "%(num)s days late", days)


def _what(row: SeenParcel, names: list[str], pieces: int, seen_at: datetime | None) -> str:
    what = names[0] if len(names) == 1 else ngettext("%(num)s item", "%(num)s items", pieces)
    if row.delivered_at is not None:
        return f"{what} · {source_of(row)}"
    if seen_at is not None and (silent := (today() - local(seen_at)).days) >= 2:
        quiet = ngettext("no scan for %(num)s day", "no scan for %(num)s days", silent)
        return f"{what} · {quiet}"
    return what


def source_of(row: SeenParcel) -> str:
    """Who says that it arrived, and at what hour where that is known."""
    match row.delivered_source:
        case "carrier":
            return _("carrier scan %(time)s", time=clock(row.delivered_at) if row.delivered_at else "")
        case "store":
            return _("as the store says")
        case "agent":
            return _("as an agent noted")
        case "estimate":
            return _("estimated")
        case _:
            return _("source not known")


def _steps(row: SeenParcel, status: str, seen_at: datetime | None, seen: str, late: int) -> tuple[Step, ...]:
    """Sent, last true scan, due or expected, arrived. A parcel that arrived needs none."""
    if row.delivered_at is not None:
        return ()
    sent = Step(_("Sent"), tiny_day(row.shipped_at), "done" if row.shipped_at else "")
    steps = [sent]
    scanned = seen_at is not None and (row.shipped_at is None or _day(seen_at) >= _day(row.shipped_at))
    if scanned:
        word = seen or (_("Out for delivery") if status == "out_for_delivery" else _("Last scan"))
        steps.append(Step(word, tiny_day(seen_at), "done" if late else "here"))
    if late:
        steps.append(Step(_("Due"), tiny_day(row.estimated_delivery_at), "late"))
    elif row.estimated_delivery_at is not None:
        steps.append(Step(_("Expected"), tiny_day(row.estimated_delivery_at), ""))
    if not scanned and row.shipped_at is not None and not late:
        steps[0] = Step(_("Sent"), tiny_day(row.shipped_at), "here")
    return (*steps, Step(_("Arrived"), "–", ""))


def _day(moment: datetime) -> date:
    return local(moment)
