"""What else fits, under a quiet conversation: asked for once the pane has opened, so nobody waits for it.

Never shown to somebody with a complaint: a late parcel, an open return or statement, money that just went
back, an unsettled promise, or words of trouble in the subject.
"""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Blueprint, Response, jsonify, render_template, request

from integration import companions, customers
from integration.errors import Forbidden
from integration.ids import row_id
from sidebar.context import services
from sidebar.pane import Pane, look
from sidebar.panel import fragment
from sidebar.visit import Visit, account_settings, visitor_required

bp = Blueprint("fitting", __name__, url_prefix="/sidebar")

LATELY = timedelta(days=30)
TROUBLE = re.compile(
    r"complain|broken|damag|fault|defect|wrong|missing|late\b|where is|refund|return|cancel|withdraw"
    r"|kaebus|katki|viga|vale\b|puudu|hilin|kus on|tagasta|tagasi|tühista|tagane"
    r"|reclama|spart|defect|greșit|gresit|lips|întârzi|intarzi|unde|retur|ramburs|anul|retrag"
    r"|ร้องเรียน|เสียหาย|ชำรุด|ผิด|ขาด|ล่าช้า|อยู่ที่ไหน|คืน|ยกเลิก"
    r"|شكوى|مكسور|تالف|عيب|خطأ|ناقص|تأخر|أين|استرداد|إرجاع|إلغاء|عدول",
    re.IGNORECASE,
)


@bp.get("/fits")
@visitor_required
def fits(visit: Visit) -> Response:
    """A line or two, or nothing at all."""
    if not visit.may_search or not companions.switched_on(account_settings()):
        return fragment("")
    customer_id = row_id(request.args.get("customer", ""))
    with services().reading(visit.account_id) as work:
        if complains(look(work, visit, customer_id=customer_id)):
            return fragment("")
        orders = customers.history(work, customers.current_id(work, customer_id), limit=20)
        found = companions.companions(work, orders)
    return fragment(render_template("_fits.html", found=found) if found else "")


@bp.post("/fits/off")
@visitor_required
def switch_off(visit: Visit) -> Response:
    """For the whole account; an admin can switch it on again under Replies."""
    if not visit.may_search:
        raise Forbidden("only a known agent switches this off", code="not_proven")
    with services().transaction(visit.account_id) as work:
        companions.switch(work, False, by=visit.actor, proof=visit.proof)
    return jsonify(ok=True)


def complains(pane: Pane) -> bool:
    """Whether anything on screen is a reason to keep quiet."""
    since = services().now() - LATELY
    return bool(
        pane.urgent
        or TROUBLE.search(pane.visit.subject)
        or any(order.late or order.actions for order in pane.orders)
        or any(row.status in ("requested", "open") for order in pane.orders for row in order.returns)
        or any(one.closed_at is None for order in pane.orders for one in order.statements)
        or any(row.at > since for order in pane.orders for row in order.refunds)
    )
