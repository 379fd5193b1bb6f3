"""One GraphQL call to one shop: sent through `shopifyapp`, judged by us.

The library builds the request and posts it. What came back is read here, from the raw answer: it
drops partial data, cost and throttling, and would repeat mutations by itself (`max_retries` stays 0).
Source: the library's source, 1.0.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct
from prometheus_client import Counter

from connectors import transport
from connectors.shopify import documents, sdk
from connectors.shopify.cost import RESERVE, Bucket
from connectors.transport import Answer, Broken, Line
from integration.errors import (
    RateLimited,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    UnreadableAnswer,
)
from integration.ports import ShopifyCredentials

T = TypeVar("T")
Renewal = Callable[[ShopifyCredentials], ShopifyCredentials]
"""Asked for credentials that are not the ones which the shop just turned down."""

log = logging.getLogger(__name__)

OTHER_VERSION = Counter(
    "deskside_shopify_other_version_total", "Answers by another API version than asked for", ["served"]
)

NOT_DONE = frozenset({
    "BAD_REQUEST", "INVALID_VARIABLE", "MAX_COST_EXCEEDED", "MAX_INPUT_SIZE_EXCEEDED", "RESOURCE_NOT_FOUND",
    "undefinedField", "argumentLiteralsIncompatible", "argumentNotAccepted", "missingRequiredArguments",
    "missingRequiredInputObjectAttribute", "parseError", "selectionMismatch", "variableMismatch",
    "variableRequiresValidType", "undefinedType",
})  # fmt: skip
"""Error codes of a request that was turned down before anything ran. Source: fact sheet, 4.1."""


class ErrorExtensions(Struct):
    code: str = ""
    requiredAccess: str = ""


class ErrorDoc(Struct):
    message: str = ""
    extensions: ErrorExtensions | None = None


class ThrottleStatus(Struct):
    maximumAvailable: float = 0
    currentlyAvailable: float = 0
    restoreRate: float = 0


class Cost(Struct):
    requestedQueryCost: float = 0
    throttleStatus: ThrottleStatus = msgspec.field(default_factory=ThrottleStatus)


class Extensions(Struct):
    cost: Cost | None = None
    search: list[Any] = []


class Envelope(Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[ErrorDoc] | None = None
    extensions: Extensions | None = None


_envelope = msgspec.json.Decoder(Envelope)


class GraphQL:
    """Calls to one shop. Safe to use from several threads."""

    def __init__(
        self,
        credentials: ShopifyCredentials,
        *,
        origin: str,
        version: str,
        http: httpx.Client,
        line: Line,
        bucket: Bucket,
        now: Callable[[], datetime],
        interactive: bool,
        renew: Renewal | None = None,
    ) -> None:
        self.credentials = credentials
        self.version = version
        self.served_version = ""
        self._address = f"{origin.format(shop=credentials.shop)}/admin/api/{version}/graphql.json"
        self._http, self._line, self._bucket, self._now = http, line, bucket, now
        self._reserve = 0.0 if interactive else RESERVE
        self._renew = renew

    def read(self, document: str, type: type[T], **variables: Any) -> T:
        """Ask a query, as often as it takes within bounds."""
        return self._renewed(lambda: self._line.read(lambda: self._attempt(document, variables, type)))

    def change(self, document: str, type: type[T], variables: dict[str, Any]) -> T:
        """Send a mutation once. :exc:`StoreRefused` and :exc:`RateLimited` mean: certainly not done."""

        def attempt() -> T:
            return self._attempt(document, variables, type, changes=True)

        return self._renewed(lambda: self._line.once(attempt))

    def _renewed(self, call: Callable[[], T]) -> T:
        """A token that just ran out is renewed, once. A call with a dead token was not carried out."""
        used = self.credentials
        try:
            return call()
        except StoreDenied:
            if self._renew is None:
                raise
            if self.credentials is used:  # else another thread of this client was quicker
                self.credentials = self._renew(used)
        return call()

    def _attempt(
        self, document: str, variables: dict[str, Any], type: type[T], *, changes: bool = False
    ) -> T:
        if wait := self._bucket.take(document, reserve=self._reserve):
            self._line.sleep(wait)
        answer = self._post(documents.text(document), variables)
        if error := transport.refused(answer, now=self._now):
            raise error
        self._check_version(answer)
        envelope = self._open(answer)
        self._learn(document, envelope)
        if envelope.errors:
            if changes and ran(envelope):
                raise Broken(f"errors beside the answer to a mutation: {envelope.errors[0].message[:200]}")
            raise failure(envelope)
        if envelope.extensions and envelope.extensions.search:
            # An unknown filter is ignored and then everything matches. Source: fact sheet, 2.3.
            raise StoreRefused("the search was not understood", code="search_warning")
        try:
            return msgspec.json.decode(envelope.data, type=type)
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"{document}: {error}") from error

    def _post(self, query: str, variables: dict[str, Any]) -> Answer:
        return sdk.graphql(
            self._http,
            self._address,
            shop=self.credentials.shop,
            token=self.credentials.access_token,
            version=self.version,
            query=query,
            variables=variables,
        )

    def _open(self, answer: Answer) -> Envelope:
        kind = answer.headers.get("content-type", "")
        if "json" not in kind:
            raise UnreadableAnswer(
                f"HTTP {answer.status} with {kind[:40] or 'nothing named'} instead of JSON"
            )
        try:
            return _envelope.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableAnswer(f"broken JSON of {len(answer.body)} bytes") from error

    def _learn(self, document: str, envelope: Envelope) -> None:
        cost = envelope.extensions and envelope.extensions.cost
        if cost:
            status = cost.throttleStatus
            self._bucket.learn(
                document,
                requested=cost.requestedQueryCost,
                available=status.currentlyAvailable,
                most=status.maximumAvailable,
                rate=status.restoreRate,
            )

    def _check_version(self, answer: Answer) -> None:
        """A version that Shopify no longer serves is answered by another one, silently."""
        served = answer.headers.get("x-shopify-api-version", "")[:20]
        if served and served != self.version:
            OTHER_VERSION.labels(served).inc()
            if self.served_version != served:
                log.warning("shopify serves API version %s, asked for %s", served, self.version)
        self.served_version = served or self.served_version


def ran(envelope: Envelope) -> bool:
    """Whether a mutation answered, beside its errors: a part that it could not show may yet be done.

    (A key without `read_orders` is denied the order in the answer to a refund that was made.)
    """
    try:
        fields = msgspec.json.decode(envelope.data, type=dict[str, Any] | None)
    except msgspec.DecodeError:
        return True  # nobody knows
    return any(answer is not None for answer in (fields or {}).values())


def failure(envelope: Envelope) -> StoreError:
    """The error that top-level `errors` mean. Data beside them is partial and never used."""
    errors = envelope.errors or []
    codes = [error.extensions.code if error.extensions else "" for error in errors]
    if "THROTTLED" in codes:
        return RateLimited("throttled", wait=_wait(envelope.extensions.cost if envelope.extensions else None))
    if "ACCESS_DENIED" in codes:
        wanted = errors[codes.index("ACCESS_DENIED")].extensions
        scope = wanted.requiredAccess[:120] if wanted else ""
        return StoreForbidden(f"the token lacks a scope: {scope or 'not named'}")
    if "UNAUTHORIZED" in codes:
        return StoreDenied("the token was not accepted")
    code = codes[0] if codes else ""
    if code in NOT_DONE:
        return StoreRefused(f"{code}: {errors[0].message[:200]}", code=code.lower())
    return Broken(f"errors: {code or 'no code'}")


def _wait(cost: Cost | None) -> float:
    """Seconds until a throttled query would fit. Source: shopify.dev, "Shopify API limits"."""
    if cost is None or cost.throttleStatus.restoreRate <= 0:
        return 1.0
    missing = cost.requestedQueryCost - cost.throttleStatus.currentlyAvailable
    return max(1.0, missing / cost.throttleStatus.restoreRate)
