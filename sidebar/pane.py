"""The whole pane, composed in a constant number of queries: who is asking, what is urgent, every order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from integration import customers, returns, said
from integration.contacts import email_key, key, order_refs, phone_key
from integration.customers import Match, Profile
from integration.db.actions import Action, ActionStatus, Contact
from integration.db.stores import SyncPhase
from integration.dossier import Dossier, read_dossier
from integration.money import Money
from integration.notices import statements_of
from integration.plain_orders import SeenOrder
from integration.terms import PlainStore, read_terms
from integration.whole_person import WholePerson, meet, read_whole_person
from integration.work import Work
from integration.zones import zone_of
from sidebar import offers
from sidebar.cards import OrderCard, ShutOrder, order_card, pieces_back, shut_order
from sidebar.formats import clock
from sidebar.replies.draft import Draft
from sidebar.statements import Statement, statements
from sidebar.urgent import Urgent, urgent_rows
from sidebar.visit import Visit

SHOWN = 20
"""Orders in the first screen; older ones on request."""
OLD = 15 * 60
"""Seconds: from here on the badge warns."""
KEPT_ACTIONS = 6
"""Actions shown under an order, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A store whose copy is not what it should be."""

    store_id: int
    name: str
    kind: str
    """down or copying."""
    since: datetime | None
    done: int = 0
    total: int | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    seconds: int | None
    at: datetime | None
    state: str
    """empty, old or down."""

    @property
    def clock(self) -> str:
        return clock(self.at) if self.at else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A return or refund of the past, as context."""

    what: str
    amount: Money | None
    at: datetime
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCard:
    text: str
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """What the template shows. `state`: one, several, guest (orders without a customer), empty."""

    state: str
    visit: Visit
    matches: tuple[Match, ...] = ()
    query: str = ""
    refs: tuple[str, ...] = ()
    profile: Profile | None = None
    why: tuple[str, ...] = ()
    home: bool = True
    """Whether this is the person whom the conversation itself leads to."""
    sender: str = ""
    """matches, other or empty: whether the conversation's own address is one of the customer's."""
    place: str = ""
    country: str = ""
    there: datetime | None = None
    """The customer's own time."""
    bought: int = 0
    sent_back: int = 0
    orders: tuple[ShutOrder, ...] = ()
    """The open one first and whole; then newest first, each whole only where the page asked for it."""
    more: int = 0
    urgent: tuple[Urgent, ...] = ()
    contact: Contact | None = None
    earlier: tuple[Earlier, ...] = ()
    notes: tuple[NoteCard, ...] = ()
    stores: int = 0
    store_names: tuple[str, ...] = ()
    fresh: Fresh = field(default_factory=lambda: Fresh(seconds=None, at=None, state=""))
    troubles: tuple[Trouble, ...] = ()
    version: str = ""
    reply: Draft | None = None

    def with_reply(self, reply: Draft | None) -> Pane:
        return replace(self, reply=reply)

    @property
    def open_order(self) -> OrderCard | None:
        return next((order for order in self.orders if order.opened and isinstance(order, OrderCard)), None)


def look(
    work: Work,
    visit: Visit,
    *,
    customer_id: int | None = None,
    query: str = "",
    limit: int = SHOWN,
    whole: Collection[str] = (),
) -> Pane:
    """The pane for this visit: the named customer, a search, or whoever the conversation is with.

    `whole`: ids of orders that come with their bodies although they are not the one that opens first.
    """
    refs = tuple(order_refs(visit.subject))
    people: dict[int, WholePerson] = {}
    if query:
        matches = customers.match(work, q=query)
    else:
        matches, people = meet(work, emails=visit.emails, phones=visit.phones, orders=refs, limit=limit)
    if customer_id is None:
        found = matches[0] if query and len(matches) == 1 else customers.chosen(matches)
        if found is None:
            stores = read_terms(work).stores
            fresh, troubles = freshness(work.now(), stores)
            guests = guest_orders(work, visit, (query,) if query else refs)
            return Pane(
                state="several" if matches else ("guest" if guests else "empty"),
                visit=visit,
                matches=tuple(matches),
                orders=tuple(guests),
                query=query,
                refs=refs,
                store_names=tuple(store.name for store in stores.values()),
                fresh=fresh,
                troubles=troubles,
            )
        customer_id = found.customer_id
    own = None if query else customers.chosen(matches)
    known = next((match for match in matches if match.customer_id == customer_id), None)
    today = customer_id if known is not None else customers.current_id(work, customer_id)
    person = people.get(today) or read_whole_person(work, today, limit=limit)
    profile = customers.profile(work, today, known=known, bought=person.bought)
    pane = _one(work, visit, person, profile, known, query, refs, whole)
    return replace(pane, home=own is not None and own.customer_id == customer_id)


def _one(
    work: Work,
    visit: Visit,
    person: WholePerson,
    profile: Profile,
    known: Match | None,
    query: str,
    refs: tuple[str, ...],
    whole: Collection[str],
) -> Pane:
    orders, dossier = person.orders, person.dossier
    shelf = _shelf(work, orders, person)
    shut = [shelf.shut(order) for order in orders]
    contacts = _contacts(work, profile.id) if dossier.contacts else []
    urgent = urgent_rows(shut, contacts)
    wanted = {key(ref) for ref in refs} | ({key(query)} if query else set())
    opened = _open_first(orders, shut, urgent, wanted)
    cards = [
        shelf.card(order, visit, one, opened=one.id == opened) if one.id == opened or one.id in whole else one
        for order, one in zip(orders, shut, strict=True)
    ]
    fresh, troubles = freshness(work.now(), shelf.stores, {order.store_id for order in orders})
    country, place, there = _where(orders, profile, work.now())
    bought = sum(line.quantity for order in orders for line in order.lines)
    sender = _sender(visit, profile)
    return Pane(
        state="one",
        visit=visit,
        profile=profile,
        why=known.why if known is not None else (),
        query=query,
        refs=refs,
        sender=sender,
        place=place,
        country=country,
        there=there,
        bought=bought,
        sent_back=sum(sum(pieces_back(order).values()) for order in orders),
        orders=tuple(sorted(cards, key=lambda card: not card.opened)),
        more=max(0, profile.orders_count - len(orders)),
        urgent=tuple(urgent),
        contact=contacts[0] if contacts else None,
        earlier=tuple(_earlier(orders)),
        notes=tuple(_notes(dossier, orders)),
        stores=len(profile.stores),
        fresh=fresh,
        troubles=troubles,
        version=dossier.version,
    )


def picture(work: Work, customer_id: int) -> str:
    """A short word that changes whenever the pane of this person would."""
    return read_dossier(work, customers.current_id(work, customer_id)).version


def visit_orders(work: Work, visit: Visit, orders: Sequence[SeenOrder]) -> list[OrderCard]:
    """Cards of single orders, open: after something about them changed."""
    shelf = _shelf(work, orders)
    return [shelf.card(order, visit, shelf.shut(order), opened=True) for order in orders]


def guest_orders(work: Work, visit: Visit, references: Sequence[str]) -> list[OrderCard]:
    """Orders that these numbers name and no customer stands behind. For agents who may search alone."""
    if not visit.may_search or not references:
        return []
    found = customers.orders_by_reference(work, references)
    guests = [order for order in found if order.customer_id is None]
    return visit_orders(work, visit, guests) if guests else []


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What orders are drawn from beside themselves, read in a constant number of queries for any number."""

    work: Work
    stores: Mapping[int, PlainStore]
    words: Mapping[int, said.Words]
    books: returns.Books
    acted: Mapping[int, list[dict[str, Any]]]
    stated: Mapping[int, list[Statement]]

    def shut(self, order: SeenOrder) -> ShutOrder:
        facts = self.words.get(order.id, {})
        actions = self.acted.get(order.id, [])
        version = f"{len(facts)}{sum(map(len, facts.values()))}" + "".join(a["status"][:1] for a in actions)
        return shut_order(
            order,
            self.stores[order.store_id],
            returns.rule_order(self.work, self.books, order),
            actions=actions,
            statements=self.stated.get(order.id, ()),
            version=version,
        )

    def card(self, order: SeenOrder, visit: Visit, shut: ShutOrder, *, opened: bool) -> OrderCard:
        store = self.stores[order.store_id]
        return order_card(
            shut,
            order,
            store,
            returns.judge_whole(self.work, self.books, order),
            said=self.words.get(order.id, {}),
            acts=offers.offers(order, store, visit),
            opened=opened,
        )


def _shelf(work: Work, orders: Sequence[SeenOrder], person: WholePerson | None = None) -> _Shelf:
    """`person`: whose orders they are; what their dossier knows nothing of is not looked for."""
    ids = [order.id for order in orders]
    terms = read_terms(work) if person is None else person.terms
    dossier = None if person is None else person.dossier
    words = said.words_of(work, ids) if dossier is None else dossier.words
    stated = statements_of(work, ids) if dossier is None or dossier.withdrawals else []
    return _Shelf(
        work=work,
        stores=terms.stores,
        words=words,
        books=returns.open_books(work, orders, terms=terms, words=words, stated=stated),
        acted=_actions(work, ids) if dossier is None or dossier.actions else {},
        stated=statements(stated, orders, work.now()) if stated else {},
    )


def freshness(
    now: datetime, stores: Mapping[int, PlainStore], store_ids: set[int] | None = None
) -> tuple[Fresh, tuple[Trouble, ...]]:
    """How old the picture is: the oldest word of any store concerned (None: of all)."""
    concerned = [store for store in stores.values() if store_ids is None or store.id in store_ids]
    seen: list[datetime] = []
    troubles = []
    for store in concerned:
        sync = store.sync
        if sync is None or sync.phase is SyncPhase.WAITING:  # no store of ours until somebody says so
            continue
        at = max(
            (t for t in (sync.last_reconciled_at, sync.last_event_at, sync.backfilled_at) if t), default=None
        )
        if at is not None:
            seen.append(at)
        if sync.error and sync.failures:
            others = tuple(other.name for other in concerned if other.id != store.id)
            troubles.append(Trouble(store_id=store.id, name=store.name, kind="down", since=at, others=others))
        elif sync.phase is SyncPhase.BACKFILL:
            troubles.append(
                Trouble(
                    store_id=store.id,
                    name=store.name,
                    kind="copying",
                    since=at,
                    done=sync.done,
                    total=sync.total,
                )
            )
    oldest = min(seen, default=None)
    seconds = max(0, int((now - oldest).total_seconds())) if oldest else None
    old = seconds is None or seconds > OLD or any(trouble.kind == "down" for trouble in troubles)
    return Fresh(seconds=seconds, at=oldest, state="old" if old else ""), tuple(troubles)


def _contacts(work: Work, customer_id: int) -> list[Contact]:
    """Newest first."""
    query = select(Contact).where(Contact.customer_id == customer_id)
    return list(work.session.scalars(query.order_by(Contact.at.desc(), Contact.id.desc()).limit(10)))


def _actions(work: Work, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """What was done to each order here, newest first."""
    acted: dict[int, list[dict[str, Any]]] = {order_id: [] for order_id in order_ids}
    query = (
        select(Action).where(Action.order_id.in_(acted)).order_by(Action.created_at.desc(), Action.id.desc())
    )
    for action in work.session.scalars(query.limit(SHOWN * KEPT_ACTIONS)):
        if len(acted[action.order_id]) < KEPT_ACTIONS:
            acted[action.order_id].append(action_view(action))
    return acted


def action_view(action: Action) -> dict[str, Any]:
    return {
        "id": str(action.id),
        "order_id": str(action.order_id),
        "kind": action.kind.value,
        "status": action.status.value,
        "final": action.status in (ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.REJECTED),
        "money": Money(action.amount, action.currency)
        if action.amount is not None and action.currency
        else None,
        "requested_by": action.requested_by,
        "requested_by_id": action.requested_by_id,
        "created_at": action.created_at,
        "finished_at": action.finished_at,
        "decided_by": action.approved_by,
        "note": action.decision_note or "",
        "error": action.error or {},
        "by_hand": (action.receipt or {}).get("paid_back") is False,
        "method": str(action.wish.get("method") or "original"),
    }


def _open_first(
    orders: Sequence[SeenOrder], cards: Sequence[ShutOrder], urgent: Sequence[Urgent], wanted: set[str]
) -> str | None:
    """Which order is open: the one named in the conversation, else the most urgent, else the newest."""
    for order, card in zip(orders, cards, strict=True) if wanted else ():
        numbers = {key(order.name), key(order.number), *(key(p.number) for p in card.parcels)}
        if wanted & (numbers - {""}):
            return card.id
    pressing = next((row.order for row in urgent if row.order), None)
    if pressing:
        return pressing
    return cards[0].id if cards else None


def _sender(visit: Visit, profile: Profile) -> str:
    emails = {email_key(text) for text in visit.emails}
    phones = {phone_key(text) for text in visit.phones}
    if emails & set(profile.emails) or phones & set(profile.phones):
        return "matches"
    return "other" if visit.emails or visit.phones else ""


def _where(orders: Sequence[SeenOrder], profile: Profile, now: datetime) -> tuple[str, str, datetime | None]:
    """Country, town and time at the newest delivery address."""
    for order in orders:
        address = order.shipping_address
        if address and address.get("country"):
            town = str(address.get("city") or "")
            return str(address["country"]), town, now.astimezone(zone_of(address))
    return profile.country or "", "", None


def _earlier(orders: Sequence[SeenOrder]) -> list[Earlier]:
    """Returns that are over, and money that went back; newest first, what is under way stays out."""
    found = []
    for order in orders:
        titles = {line.platform_id: line.title for line in order.lines}
        for refund in order.refunds:
            names = list(dict.fromkeys(titles.get(line["line_id"], "") for line in refund.lines))
            what = ", ".join(filter(None, names)) or order.name
            found.append(
                Earlier(
                    what=what,
                    amount=Money(refund.amount, order.currency) if refund.amount else None,
                    at=refund.created_at,
                    word="refunded" if refund.amount else "no money",
                )
            )
        for row in order.returns:
            if row.status in ("declined", "canceled") and row.created_at:
                names = list(dict.fromkeys(titles.get(line.get("line_id") or "", "") for line in row.lines))
                found.append(
                    Earlier(
                        what=", ".join(filter(None, names)) or order.name,
                        amount=None,
                        at=row.created_at,
                        word=row.status,
                    )
                )
    return sorted(found, key=lambda earlier: earlier.at, reverse=True)[:5]


def _notes(dossier: Dossier, orders: Sequence[SeenOrder]) -> list[NoteCard]:
    """What the stores have noted of the person, and what the customer wrote at checkout."""
    notes = [NoteCard(text=text, by="store", at=None) for (text,) in dossier.notes if text.strip()]
    notes += [
        NoteCard(text=order.note, by=order.name, at=order.placed_at) for order in orders if order.note.strip()
    ]
    return notes[:6]
