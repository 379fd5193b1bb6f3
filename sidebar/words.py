"""What speaks for or against a wish, in the agent's language: by code, since codes are stable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _


def reason(code: str, otherwise: str = "") -> str:
    """The sentence for a code of `deciding`, `actions` or a store error; else the given English one."""
    return _sentences().get(code) or (_(otherwise) if otherwise else _("This could not be done."))


def reasons(found: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(code, sentence) of each."""
    return [
        (str(one.get("code", "")), reason(str(one.get("code", "")), str(one.get("text", ""))))
        for one in found
    ]


def _sentences() -> dict[str, str]:
    return {
        "beyond": _("This goes beyond the verdict: give the reason."),
        "exception": _("Beyond the verdict. An exception is counted and goes on the record."),
        "needs_exception": _("This goes beyond the verdict: give the reason."),
        "limit_action": _("Above your limit for one refund: a lead must approve."),
        "limit_day": _("Above your limit for one day: a lead must approve."),
        "limit_order": _("Above your limit for one order: a lead must approve."),
        "approval_above": _("Above the amount that needs a second person."),
        "budget": _("The month's budget for exceptions is used up: a lead must approve."),
        "step_up": _("This amount needs a fresh proof of who you are: sign in again."),
        "law_delivery": _("The law also gives back the delivery cost with this return."),
        "store_unreachable": _("The store cannot be reached just now, so nothing can be sent."),
        "store_unavailable": _("The store cannot be reached just now, so nothing can be sent."),
        "rate_limited": _("The store cannot be reached just now, so nothing can be sent."),
        "store_denied": _("The store no longer accepts our key. An admin can reconnect it under Stores."),
        "reopen_app": _("Open the Deskside app in Shopify’s admin: opening it renews the key."),
        "store_forbidden": _(
            "The store's key lacks a permission. An admin can reconnect the store and grant it."
        ),
        "above_platform": _("The store would refund less than this."),
        "not_proven": _("Who you are is not proven here. Sign in once before money moves."),
        "too_much_money": _("More than is left to pay back on this order."),
        "too_many_pieces": _("More pieces than are left on this line."),
        "too_much_shipping": _("More delivery than is left on this order."),
        "nothing_to_refund": _("Nothing is chosen yet."),
        "not_paid": _("There is no money to give back. Cancel the order instead."),
        "under_way": _("A refund of this item is already under way."),
        "wrong_currency": _("Name the amount in the currency that the customer paid in."),
        "already_decided": _("Somebody has decided this already."),
        "own_request": _("Nobody approves their own request."),
        "stale": _("The order changed since this was asked. Look at it as it is now, then ask again."),
        "sum_changed": _("The sum is another one now. Look at it again, then confirm."),
        "order_gone": _("The store no longer has this order."),
        "idempotency_key_reused": _(
            "This was sent before with other contents. Close the dialogue and begin again."
        ),
        "expired": _("This page is out of date. Reload it."),
        "access_ended": _("Your access has ended. An admin can restore it."),
    }
