"""Store credit: one account per customer and currency."""

from __future__ import annotations

from connectors.demo.shopify.archive import number
from connectors.demo.shopify.bags import Doc, minor, money_v2
from connectors.demo.shopify.shop import Shop
from integration.money import DECIMAL_TEXT, Money


def accounts(shop: Shop, customer_gid: str) -> list[Doc]:
    return [each for each in shop.archive.all_kept("credit") if each["_customer"] == customer_gid]


def give(shop: Shop, customer_gid: str, amount: int, currency: str) -> Doc:
    """Add to a customer's credit; the account is made on the fly. Returns the account."""
    account = next(
        (each for each in accounts(shop, customer_gid) if each["balance"]["currencyCode"] == currency), None
    )
    if account is None:
        account = {
            "id": shop.archive.gid("StoreCreditAccount"),
            "balance": money_v2(0, currency),
            "_customer": customer_gid,
        }
    account["balance"] = money_v2(minor(account["balance"]) + amount, currency)
    shop.archive.keep("credit", account["id"], account)
    return account


def credit(shop: Shop, gid: str, wanted: Doc) -> Doc:
    """`storeCreditAccountCredit`: not idempotent, as the real one."""

    def refused(code: str, message: str, *field: str) -> Doc:
        error = {"code": code, "field": list(field), "message": message}
        return {"storeCreditAccountTransaction": None, "userErrors": [error]}

    money = wanted["creditAmount"]
    text, currency = str(money["amount"]), money["currencyCode"]
    if not DECIMAL_TEXT.fullmatch(text) or (amount := Money.parse(text, currency).minor) <= 0:
        return refused("NEGATIVE_OR_ZERO_AMOUNT", "Amount must be positive", "creditInput", "creditAmount")
    with shop.archive.change():
        owner = gid
        if "/StoreCreditAccount/" in gid:
            account = shop.archive.kept("credit", gid)
            if account is None:
                return refused("ACCOUNT_NOT_FOUND", "The store credit account could not be found", "id")
            if account["balance"]["currencyCode"] != currency:
                return refused(
                    "MISMATCHING_CURRENCY", "The currency does not match the account", "creditInput"
                )
            owner = account["_customer"]
        elif number(gid) < 0 or shop.archive.customer(gid) is None:
            return refused("OWNER_NOT_FOUND", "The owner could not be found", "id")
        account = give(shop, owner, amount, currency)
        now = shop.stamp()
        shop.archive.enter(
            at=now,
            order_id=None,
            kind="store_credit",
            amount=money_v2(amount, currency)["amount"],
            currency=currency,
        )
        return {
            "storeCreditAccountTransaction": {
                "id": shop.archive.gid("StoreCreditAccountCreditTransaction"),
                "createdAt": now,
                "amount": money_v2(amount, currency),
                "balanceAfterTransaction": account["balance"],
                "account": account,
            },
            "userErrors": [],
        }
