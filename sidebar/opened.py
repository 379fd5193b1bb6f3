"""The pane on a page of its own, for desks that can only link: whoever is signed in, at one conversation.

The link is random, and what it stands for (conversation, addresses) stays here. It opens nothing by itself:
the page asks for the reader's own sign-in.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue
from msgspec.structs import replace

from integration import one_time
from integration.db.accounts import Agent
from integration.errors import NotFound
from sidebar import panel
from sidebar.admin import guard
from sidebar.context import services
from sidebar.doors import Desk, Door
from sidebar.visit import Assurance, Proof, Visit

bp = Blueprint("opened", __name__, url_prefix="/sidebar")

PURPOSE = "open-link"
LIFETIME = timedelta(days=2)
"""A card stays in the helpdesk's window for as long as a conversation is open there."""


def link(visit: Visit, desk: Desk) -> str:
    """Where whoever is signed in finds this conversation. Nothing that was proven of an agent goes along."""
    plain = replace(
        visit,
        assurance=Assurance(tenant=visit.assurance.tenant, customer=visit.assurance.customer),
        agent_id=None,
        agent_version=0,
        agent_name="",
        agent_external="",
        frame="",
        interface="",
        capabilities=(),
    )
    data = {"kind": desk.kind, "key": desk.key, "visit": msgspec.to_builtins(plain)}
    with services().everywhere() as work:
        secret = one_time.make(work, PURPOSE, data, LIFETIME)
    return f"{services().settings.app_url}/sidebar/open/{secret}"


@bp.get("/open/<secret>")
def show(secret: str) -> ResponseReturnValue:
    from sidebar.helpdesks import desk_by_key

    person = guard.signed_in()
    if person is None:
        return redirect(guard.sign_in_address(), 303)
    with services().everywhere(write=False) as work:
        data = one_time.peek(work, PURPOSE, secret)
    if data is None:
        raise NotFound("the link is over")
    desk = desk_by_key(data["kind"], data["key"])
    if desk.account_id != person.account_id:
        raise NotFound("a conversation of another account")
    with services().reading(person.account_id) as work:
        agent = work.session.get_one(Agent, person.agent_id)
    visit = msgspec.convert(data["visit"], Visit)
    return panel.page(desk, _by(visit, agent), Door(kind=desk.kind, open=lambda _request, _desk: visit))


def _by(visit: Visit, agent: Agent) -> Visit:
    return replace(
        visit,
        assurance=replace(visit.assurance, agent=Proof.SESSION),
        born=services().now(),
        agent_id=agent.id,
        agent_version=agent.token_version,
        agent_name=agent.name,
        interface=agent.locale,
        fresh=True,
    )
