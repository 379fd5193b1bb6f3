"""Changes to an order as a whole: its note and tags, cancelling, editing, deleting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connectors.demo.shopify import credit, drafting, payloads, refunds
from connectors.demo.shopify.bags import Doc, Purse
from connectors.demo.shopify.problems import Problem
from connectors.demo.shopify.shop import Shop, UnknownOrder, number

ADDRESS_FIELDS = (
    "firstName",
    "lastName",
    "company",
    "address1",
    "address2",
    "city",
    "provinceCode",
    "zip",
    "phone",
)


def update(shop: Shop, wanted: Doc) -> Doc:
    """`orderUpdate`: what is given replaces what was there."""
    try:
        with shop.editing(wanted["id"]) as change:
            order = change.order
            for name in ("note", "email", "phone", "poNumber", "customAttributes"):
                if name in wanted:
                    order[name] = wanted[name]
            if "tags" in wanted:
                order["tags"] = sorted(set(wanted["tags"] or []))
            if wanted.get("shippingAddress"):
                order["shippingAddress"] = _address(order["shippingAddress"], wanted["shippingAddress"])
    except UnknownOrder:
        return {"order": None, "userErrors": [{"field": ["id"], "message": "Order does not exist"}]}
    return {"order": {"id": wanted["id"]}, "userErrors": []}


def _address(old: Doc | None, wanted: Doc) -> Doc:
    new = dict(old or {"id": "gid://shopify/MailingAddress/1?model_name=Address", "province": None})
    new.update({name: wanted[name] for name in ADDRESS_FIELDS if name in wanted})
    for name in ADDRESS_FIELDS:
        new.setdefault(name, None)
    if wanted.get("countryCode"):
        new["country"] = new["countryCodeV2"] = wanted["countryCode"]
    new["name"] = " ".join(filter(None, (new["firstName"], new["lastName"])))
    return new


def retag(shop: Shop, gid: str, tags: Sequence[str], *, add: bool) -> Doc:
    """`tagsAdd` and `tagsRemove`, on orders and customers."""

    def changed(old: Sequence[str]) -> list[str]:
        return sorted(set(old) | set(tags)) if add else [tag for tag in old if tag not in tags]

    if "/Customer/" in gid:
        with shop.archive.change():
            if found := shop.archive.customer(gid):
                customer = found[0]
                customer["tags"] = changed(customer["tags"])
                save_customer(shop, customer)
                return {"node": {"id": gid}, "userErrors": []}
    else:
        try:
            with shop.editing(gid) as change:
                change.order["tags"] = changed(change.order["tags"])
            return {"node": {"id": gid}, "userErrors": []}
        except UnknownOrder:
            pass
    return {"node": None, "userErrors": [{"field": ["id"], "message": "Resource not found"}]}


def save_customer(shop: Shop, customer: Doc) -> None:
    """Put a changed customer back and tell subscribers; only inside a change."""
    customer["updatedAt"] = max(shop.stamp(), customer["updatedAt"])
    shop.archive.save_customer(customer)
    shop.announce("customers/update", payloads.customer_payload(customer))


def cancel(shop: Shop, wanted: Doc) -> Doc:
    """`orderCancel`: refused at once where it cannot be, else done a moment later by a job."""

    def refused(code: str, message: str, *field: str) -> Doc:
        return {
            "job": None,
            "jobResult": None,
            "orderCancelUserErrors": [{"code": code, "field": list(field) or None, "message": message}],
        }

    order = shop.archive.order(wanted["orderId"])
    if order is None:
        return refused("NOT_FOUND", "Order does not exist", "orderId")
    if problem := _why_not(order):
        return refused("INVALID", problem, "orderId")
    method = wanted.get("refundMethod") or {}
    if method.get("storeCreditRefund") is not None and order["customer"] is None:
        return refused("STORE_CREDIT_REFUND_MISSING_CUSTOMER", "Order has no customer", "refundMethod")
    with shop.archive.change():
        gid = f"gid://shopify/Job/{shop.archive.new_id()}"
        job = {
            "id": gid,
            "done": False,
            "status": "STARTED",
            "errors": [],
            "order": order["id"],
            "reason": wanted["reason"],
            "restock": wanted["restock"],
            "pay_back": bool(method.get("originalPaymentMethodsRefund")),
            "store_credit": method.get("storeCreditRefund") is not None,
            "note": wanted.get("staffNote"),
        }
        shop.archive.keep("job", gid, job)
    shop.errand(partial(finish_cancel, shop, gid))
    return {
        "job": {"id": gid, "done": False},
        "jobResult": {"id": gid, "done": False, "status": "STARTED", "errors": []},
        "orderCancelUserErrors": [],
    }


def _why_not(order: Doc) -> str | None:
    """Source: fact sheet, 4.3: refused when returns are in progress or items fulfilled."""
    if order["cancelledAt"]:
        return "Order has already been cancelled"
    if order["fulfillments"]:
        return "Cannot cancel an order that has fulfilled items"
    if any(each["status"] in ("OPEN", "REQUESTED") for each in order["returns"]):
        return "Cannot cancel an order with returns in progress"
    return None


def resume(shop: Shop) -> None:
    """After a restart, jobs that were on their way are finished."""
    for job in shop.archive.all_kept("job"):
        if not job["done"]:
            shop.errand(partial(finish_cancel, shop, job["id"]))


def finish_cancel(shop: Shop, gid: str) -> None:
    """Do the work of a cancellation job, after its time; safe to run twice."""
    if shop.closing.wait(shop.conduct.job_seconds):
        return
    with shop.archive.change():
        job = shop.archive.kept("job", gid)
        if job is None or job["done"]:
            return
        try:
            _cancel(shop, job)
            job["status"] = "SUCCEEDED"
        except (Problem, UnknownOrder) as error:
            job["status"] = "FAILED"
            job["errors"] = [{"code": "INVALID", "field": None, "message": str(error)}]
        job["done"] = True
        shop.archive.keep("job", gid, job)


def _cancel(shop: Shop, job: Doc) -> None:
    with shop.editing(job["order"]) as change:
        order = change.order
        if problem := _why_not(order):
            raise Problem("", problem)
        now = shop.stamp()
        lines = [
            {
                "lineItemId": line["id"],
                "quantity": line["refundableQuantity"],
                "restockType": "CANCEL" if job["restock"] else "NO_RESTOCK",
            }
            for line in order["lineItems"]
            if line["refundableQuantity"]
        ]
        _void(shop, order, now)
        suggestion = refunds.suggest(order, lines, full_shipping=True)
        if lines:
            payments = refunds.allocate(order, suggestion.amount) if job["pay_back"] else []
            given = suggestion.amount if job["store_credit"] else 0
            refund = refunds.write(
                shop, order, suggestion, payments, at=now, note=job["note"], store_credit=given
            )
            if given:
                credit.give(shop, order["customer"]["id"], given, Purse.of(order).currency)
            refunds.announce(shop, change, refund)
        order["cancelledAt"], order["cancelReason"] = now, job["reason"]
        order["cancellation"] = {"staffNote": job["note"]}
        order["closedAt"] = order["closedAt"] or now
        change.tell("orders/cancelled", lambda: payloads.order_payload(shop, order))


def _void(shop: Shop, order: Doc, at: str) -> None:
    """Authorisations without a capture are voided, whatever was asked."""
    captured = {(each["parentTransaction"] or {}).get("id") for each in order["transactions"]}
    for each in list(order["transactions"]):
        if each["kind"] == "AUTHORIZATION" and each["status"] == "SUCCESS" and each["id"] not in captured:
            order["transactions"].append(
                {
                    **each,
                    "id": shop.archive.gid("OrderTransaction"),
                    "kind": "VOID",
                    "createdAt": at,
                    "processedAt": at,
                    "parentTransaction": {"id": each["id"]},
                }
            )


def delete(shop: Shop, gid: str) -> None:
    """The merchant deletes an order for good."""
    with shop.archive.change():
        shop.archive.delete_order(gid)
        shop.announce("orders/delete", {"id": number(gid)})


def edit(
    shop: Shop, gid: str, *, set_quantity: dict[str, int] | None = None, add: Sequence[Doc] = ()
) -> None:
    """Staff edit the lines: new quantities by line id, and new lines `{title, sku, quantity, price}`.

    Raises :exc:`Problem` where a line was already shipped or refunded beyond the new quantity.
    """
    with shop.editing(gid) as change:
        order = change.order
        additions, removals = [], []
        for line in order["lineItems"]:
            wanted = (set_quantity or {}).get(line["id"])
            if wanted is None:
                continue
            less = line["quantity"] - line["_removed"] - wanted
            if not 0 <= less <= line["unfulfilledQuantity"]:
                raise Problem("quantity", "Only pieces that are not shipped can be taken off")
            line["_removed"] += less
            removals.append({"id": number(line["id"]), "delta": less})
        for each in add:
            line = drafting.make_line(
                shop,
                Purse.of(order),
                title=each["title"],
                variant_title=None,
                sku=each["sku"],
                quantity=each.get("quantity", 1),
                unit=Purse.of(order).parse(each["price"]),
            )
            line["_added"] = True
            order["lineItems"].append(line)
            additions.append({"id": number(line["id"]), "delta": line["quantity"]})
        order["edited"] = True
        change.tell("orders/edited", lambda: payloads.edit_payload(shop, order, additions, removals))


def capture(shop: Shop, gid: str) -> None:
    """Money for an unpaid order arrives."""
    with shop.editing(gid) as change:
        order = change.order
        for each in order["transactions"]:
            if each["status"] == "PENDING" and each["kind"] in ("SALE", "CAPTURE"):
                each["status"], each["processedAt"] = "SUCCESS", shop.stamp()
                refunds.tell(change, each)
