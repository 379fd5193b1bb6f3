"""A fresh proof for a frame that has no cookies of ours: shown in a page beside it, asked for from here.

The page is `sidebar.admin.step_up`; what counts is the session's `proven_at`, which only the server sets.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from integration.people import sessions
from sidebar.context import services
from sidebar.visit import Visit, visitor_required

bp = Blueprint("stepping_up", __name__, url_prefix="/sidebar")


@bp.get("/stepped-up")
@visitor_required
def stepped_up(visit: Visit) -> Response:
    """Whether the frame's own agent has shown it within the last minutes, in whichever browser."""
    if visit.agent_id is None or not visit.may_move_money:
        return jsonify(proven=False)
    with services().reading(visit.account_id) as work:
        return jsonify(proven=sessions.proven_lately(work, visit.agent_id))
