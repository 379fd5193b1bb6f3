"""What can go wrong. Catch the branch you can act on.

AppError
├── SettingsError         a setting is missing or wrong: nothing was touched
├── BadInput              a person or program sent something we cannot use: 400 / exit 2
│   └── NotFound          ... there is no such thing (for this account): 404
├── Forbidden             known, but not allowed: 403
├── Conflict              the world moved on: 409
│   └── Unprocessable     ... or cannot grant this wish: 422
├── ForgedMessage         a signature or token does not match: 401, write nothing down
└── StoreError            a store said no, or said nothing
    ├── StoreUnavailable  nobody knows what it did: look, then try again
    │   ├── RateLimited   ... and not before `wait` seconds have passed; it did nothing
    │   └── Traced        the store shows a part of it: nobody may say that it was not done
    │       ├── HalfDone      the money moved, a later step is still to be taken
    │       └── InProgress    it is written down, the gateway has not answered
    ├── StoreDenied       the credentials are dead: the merchant must reconnect
    │   └── AppLeftAlone  ... or open the app in Shopify's admin, which renews them
    ├── StoreForbidden    the credentials live, but lack a right (scope, role)
    ├── StoreRefused      it will never say yes to this request
    │   └── PaidMeanwhile ... we do not even ask: it would pay back more than was decided on
    └── UnreadableAnswer  it answered, but not in its own published form
"""

from __future__ import annotations


class AppError(Exception):
    """Base of every error we raise on purpose. Messages carry no customer data and no secret."""

    code = "internal"
    """A stable word, for logs, actions and problem+json."""

    next_step = ""
    """What the reader can do now: an English sentence that is also the key of its translations."""

    status = 500
    """HTTP status where the error reaches a caller."""

    def __init__(self, message: str = "", *, code: str | None = None, next_step: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if next_step is not None:
            self.next_step = next_step


class SettingsError(AppError):
    code = "settings"


class BadInput(AppError):
    code, status = "bad_input", 400


class NotFound(BadInput):
    code, status = "not_found", 404


class Forbidden(AppError):
    code, status = "forbidden", 403


class Conflict(AppError):
    code, status = "conflict", 409


class Unprocessable(Conflict):
    """A well-formed wish that this order, policy or limit cannot grant."""

    code, status = "unprocessable", 422


class ForgedMessage(AppError):
    code, status = "forged", 401


class StoreError(AppError):
    code, status = "store_error", 502


class StoreUnavailable(StoreError):
    code, status = "store_unavailable", 503
    next_step = "The store did not answer. We look again by ourselves; nothing is lost."


class RateLimited(StoreUnavailable):
    code = "rate_limited"

    def __init__(self, message: str = "", *, wait: float = 1.0) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds until the store may be asked again."""


class Traced(StoreUnavailable):
    code = "traced"


class HalfDone(Traced):
    code = "half_done"
    next_step = (
        "The money was paid back, but the order is not cancelled. We try again from time to time;"
        " if you cancel it in the store’s admin, this ends by itself."
    )


class InProgress(Traced):
    code = "refund_in_progress"
    next_step = (
        "The store wrote this refund down and waits for its gateway. If that never ends, look at the payment:"
        " then remove the refund in the store, or say that it was done."
    )


class StoreDenied(StoreError):
    code = "store_denied"
    next_step = "The store no longer accepts our key. An admin can reconnect it under Stores."


class AppLeftAlone(StoreDenied):
    """The shop takes our refresh token no longer. Source: shopify.dev, "About offline access tokens"."""

    code = "reopen_app"
    next_step = "Open the Deskside app in Shopify’s admin: opening it renews the key."


KEY_REFUSED = frozenset({StoreDenied.code, AppLeftAlone.code})
"""Codes of failures that time does not heal: a person has to bring a new key."""


class StoreForbidden(StoreError):
    code = "store_forbidden"
    next_step = "The store's key lacks a permission. An admin can reconnect the store and grant it."


class StoreRefused(StoreError):
    code, status = "store_refused", 422
    next_step = "The store declined and nothing was changed. Read its reason, then correct the request."


class PaidMeanwhile(StoreRefused):
    """Cancelling pays back all that is left: no more may be left than somebody decided on."""

    code = "paid_meanwhile"
    next_step = "Look at the order as it is now and ask again."

    def __init__(self) -> None:
        super().__init__("more was paid for this order than when this was decided")


class UnreadableAnswer(StoreError):
    code = "unreadable_answer"
    next_step = "The store answered in an unexpected form. We keep the answer and try again."
