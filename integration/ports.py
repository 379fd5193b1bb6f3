"""The shapes that the outside fills: what we ask of a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from integration.money import Money
from integration.records import Address, OrderRecord, ProductRecord, ShopRecord


class ActionKind(StrEnum):
    REFUND = "refund"
    CANCEL = "cancel"
    RETURN = "return"
    RETURN_APPROVE = "return_approve"
    RETURN_DECLINE = "return_decline"
    RETURN_CLOSE = "return_close"
    RETURN_RECEIVE = "return_receive"
    REPLACEMENT = "replacement"
    ADDRESS = "address"
    NOTE = "note"
    TAGS = "tags"


class Batch(Struct, frozen=True, kw_only=True):
    """A piece of a backfill or of a change window.

    Writing `orders` and then `cursor` in one transaction is safe to repeat: a crash repeats one batch.
    """

    orders: tuple[OrderRecord, ...]
    cursor: dict[str, Any]
    """Hand it back to go on behind this batch. JSON values only."""
    done: int = 0
    total: int | None = None
    poisoned: tuple[Poisoned, ...] = ()


class Poisoned(Struct, frozen=True, kw_only=True):
    """An order that the store sent in a form we cannot read. The others go on."""

    platform_id: str
    reason: str


class OrderVersion(Struct, frozen=True, kw_only=True):
    """For proofs of equality: which orders the store has, and how new they are."""

    platform_id: str
    placed_at: datetime
    updated_at: datetime
    gone: bool = False
    refunds: frozenset[str] | None = None
    """Platform ids of its refunds, where deleting one moves no date (WooCommerce); else None."""


class RefundLineWish(Struct, frozen=True, kw_only=True):
    line_id: str
    """Platform id of the order line."""
    quantity: int
    amount: Money
    """What the customer gets for these pieces, tax included, after deductions."""
    restock: bool = False


class Tender(Struct, frozen=True, kw_only=True):
    """A share of the money and the payment it goes back to."""

    gateway: str
    amount: Money
    transaction_id: str | None = None
    """Platform id of the payment, where the platform has one."""
    title: str = ""
    manual: bool = False


class ActionRequest(Struct, frozen=True, kw_only=True):
    """What one action asks of a store; frozen before the first call, the same on every try.

    `key` is our action's own key. It goes to the store as idempotency key where there is one, and
    as a findable mark everywhere else.
    """

    key: str
    kind: ActionKind
    order_id: str
    """Platform id."""
    currency: str = ""
    lines: tuple[RefundLineWish, ...] = ()
    shipping: Money | None = None
    amount: Money | None = None
    """Refund: all money that goes back, the sum of what the store is told to pay."""
    bonus: Money | None = None
    """Part of `amount` that was never paid: what the policy adds to store credit."""
    method: str = "original"
    """original, store_credit, manual."""
    tenders: tuple[Tender, ...] = ()
    """Which payment is to bear how much of it. What one of them cannot take, the others do."""
    note: str = ""
    notify: bool = False
    reason: str = ""
    return_id: str | None = None
    customer_id: str | None = None
    address: Address | None = None
    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    restock: bool = False
    refund_on_cancel: bool = True
    public: bool = False
    """Note: the customer may read it."""


class Receipt(Struct, frozen=True, kw_only=True):
    """The store's word that it was done."""

    platform_id: str
    amount: Money | None = None
    done_at: datetime | None = None
    settled: bool = True
    """False: the store recorded it, the gateway has not confirmed the money yet."""
    paid_back: bool | None = None
    """False: only written down, no money moved. None: the store does not say, or it is not about money."""
    detail: dict[str, Any] = {}


class Quote(Struct, frozen=True, kw_only=True):
    """What the platform itself would pay back for the same lines and shipping."""

    amount: Money
    maximum: Money
    """Most that may still be refunded on the order."""
    shipping: Money | None = None
    tenders: tuple[Tender, ...] = ()
    order_updated_at: datetime | None = None


class Topic(StrEnum):
    """What a webhook delivery is about, in our words."""

    ORDER = "order"
    """An order, or anything that hangs on it, changed: fetch it again. `resource_id`: the order."""
    RETURN = "return"
    """A return changed and the delivery does not name its order. `resource_id`: the return (or similar)."""
    ORDER_GONE = "order_gone"
    """The store says the order was deleted or put into the trash."""
    PRODUCT = "product"
    CUSTOMER = "customer"
    UNINSTALLED = "uninstalled"
    SCOPES = "scopes"
    BULK = "bulk"
    """A bulk operation ended. `resource_id`: the operation."""
    SHOP = "shop"
    DATA_REQUEST = "data_request"
    REDACT_CUSTOMER = "redact_customer"
    REDACT_SHOP = "redact_shop"
    PING = "ping"
    UNKNOWN = "unknown"


class WebhookEvent(Struct, frozen=True, kw_only=True):
    """One verified delivery, read but not yet acted on."""

    topic: Topic
    platform_topic: str
    delivery_id: str
    """Same for every repetition of one delivery: duplicates are dropped by it."""
    domain: str
    """The store's host as the delivery names it; unsigned, so only good for looking the store up."""
    resource_id: str | None = None
    triggered_at: datetime | None = None
    api_version: str = ""
    payload: dict[str, Any] = {}


class ShopifyCredentials(Struct, frozen=True, kw_only=True):
    """What calls to a Shopify shop need. Sealed at rest."""

    shop: str
    """name.myshopify.com"""
    access_token: str
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    """None: the token does not expire (made by hand, or a custom app)."""
    refresh_token: str | None = None
    refresh_expires_at: datetime | None = None


class WooCommerceCredentials(Struct, frozen=True, kw_only=True):
    """What calls to a WooCommerce store need. Sealed at rest."""

    url: str
    """Base address of the site, no trailing slash, maybe with a path: https://shop.example/outlet."""
    consumer_key: str
    consumer_secret: str
    permissions: str = "read_write"


class StoreApi(Protocol):
    """One connected store, seen through our vocabulary.

    Implementations translate; they do not decide, cache or write to the database. All raise
    :exc:`integration.errors.StoreError` and nothing else on failure. Every call has a time limit.
    """

    def shop(self) -> ShopRecord:
        """The shop's own settings; also the cheapest proof that the credentials work."""

    def backfill(self, since: datetime | None, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """All orders placed since `since` (None: as far back as we may see), in batches; memory stays flat.

        `cursor` is {} for the first run, else the last committed batch's cursor.
        """

    def changed(self, since: datetime, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Orders modified at or after `since`. Safe while orders change: may repeat, never skips."""

    def order(self, platform_id: str) -> OrderRecord | None:
        """The order as it is now, or None if the store no longer has it."""

    @property
    def at_once(self) -> int:
        """How many orders one question brings; 1 where each takes a request of its own anyway."""

    def orders(self, platform_ids: Sequence[str]) -> tuple[Sequence[OrderRecord], Sequence[Poisoned]]:
        """Those of the orders that the store has now, and those that it has and that cannot be read."""

    def order_of(self, resource_id: str) -> str | None:
        """The order that a return (or the like) of `Topic.RETURN` belongs to: its platform id, or None."""

    def versions(self, since: datetime, until: datetime) -> Iterator[Sequence[OrderVersion]]:
        """All orders placed in [since, until), trash included, cheaply: ids and modification times."""

    def newest(self) -> OrderVersion | None:
        """The order that changed last, cheaply; None for a store without orders."""

    def products(self, platform_ids: Sequence[str]) -> Sequence[ProductRecord]:
        """Those of the products that the store still has."""

    def subscribe(self, address: str, secret: str) -> Sequence[str]:
        """Make the store's webhooks what we need: create, re-enable, remove doubles. Returns the changes.

        `address` is our intake for this store. Safe to repeat.
        """

    def quote(self, request: ActionRequest) -> Quote:
        """What the store would pay back; changes nothing."""

    def supports(self, kind: ActionKind, order: OrderRecord | None) -> str | None:
        """None if the action is possible here; else the reason, an English sentence for the agent."""

    def prepare(self, request: ActionRequest) -> str:
        """The exact message that `send` will send, as text. Reads only. It is committed before sending,

        so that every repetition sends the same bytes (Shopify fingerprints the input of a key).
        """

    def find(self, request: ActionRequest, prepared: str) -> Receipt | None:
        """What was done earlier under `request.key`, if the store has it.

        Raises :exc:`HalfDone` where the money moved and a later step was not taken: then `complete` it.
        """

    def send(self, request: ActionRequest, prepared: str) -> Receipt:
        """Do it. StoreRefused and RateLimited mean: not done, for certain. Any other StoreError: unclear."""

    def complete(self, request: ActionRequest, prepared: str) -> Receipt:
        """Take what is left of a half-done action: steps that move no money, and are harmless twice."""

    def repeatable(self, request: ActionRequest) -> bool:
        """Whether sending the same prepared message again under the same key can do no more than once."""

    def close(self) -> None:
        """Give connections back."""
