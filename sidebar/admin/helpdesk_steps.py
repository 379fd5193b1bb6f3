"""What a merchant does in each helpdesk, step by step, and what we can check by ourselves.

Source: our helpdesk facts, one section a kind; Zendesk API, "List app installations"; Chatwoot user guide,
"How to use dashboard apps". A step is done when its settings are there, its checks pass, and nothing says
that it is still to be done; the first one that is not is the one to do now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _

from integration.db.accounts import Agent
from integration.db.helpdesks import Helpdesk
from integration.helpdesks import framable
from sidebar.admin.frame import when


@dataclass(frozen=True, slots=True)
class Check:
    """One thing we looked at. `passed` None: it has not happened yet."""

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    title: str
    text: str = ""
    settings: tuple[str, ...] = ()
    """Names of the settings that are entered here."""
    shows: str = ""
    """What is handed over here: the address to copy, or the app's zip."""
    link: tuple[str, str] | None = None
    """(address, words) of the page where it is done or found."""
    checks: tuple[Check, ...] = ()
    pending: bool = False
    """It is done elsewhere, and nothing that we can see says that it was."""
    optional: bool = False
    """The sidebar works without it, with fewer proofs."""

    def done(self, lacking: set[str]) -> bool:
        settled = not self.pending and not set(self.settings) & lacking
        return settled and all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known about a helpdesk when its page is drawn."""

    helpdesk: Helpdesk
    lacking: frozenset[str]
    matched: tuple[Agent, ...]
    enabled: int
    """Agents of the account who are not disabled."""
    address: str
    """Of its door: what the merchant enters in the helpdesk."""
    refused: tuple[datetime, str] | None = None
    """When and why (a code) the last call was refused, if none was taken since."""
    asked: str | None = None
    """What the helpdesk itself said of these settings, as a code; "" nothing wrong, None: not asked."""

    @property
    def called(self) -> bool:
        """Somebody opened the sidebar there, with or without a proof."""
        return bool(self.helpdesk.last_opened_at or self.refused)

    def refusal(self, *codes: str) -> tuple[Check, ...]:
        """A failed check, if the last call was refused for one of these."""
        if self.refused is None or self.refused[1] not in codes:
            return ()
        at, code = self.refused
        return (Check(False, f"{refusals()[code]} ({when(at)})"),)


def labels() -> dict[str, str]:
    """Each setting as the vendor calls it."""
    return {
        "subdomain": _("Subdomain"),
        "app_id": _("App id"),
        "installation_id": _("Installation id"),
        "public_key": _("Public key of the app"),
        "auth_secret": _("Auth secret"),
        "secret": _("Secret key"),
        "api_token": _("Access token"),
        "account_id": _("Account number"),
        "brand": _("Brand"),
        "sso_secret": _("SSO secret"),
        "client_secret": _("Client secret"),
        "workspace_id": _("Workspace id"),
    }


def hints() -> dict[str, str]:
    return {
        "subdomain": _("The part before .zendesk.com."),
        "app_id": _("The number after “app_id”."),
        "installation_id": _("The number after “id”, in the same part of the list."),
        "public_key": _("A public key is no secret. Every uploaded app has its own."),
        "auth_secret": _("In Front: Settings, Developers, your app, Basic information."),
        "secret": _("At most 40 characters. Leave it empty and we choose one."),
        "api_token": _(
            "In Chatwoot: your picture, Profile settings, Access token. We only read conversations with it."
        ),
        "account_id": _("The number in the address of your desk: /app/accounts/…"),
        "brand": _("The part before .reamaze.com."),
        "sso_secret": _(
            "In Re:amaze: Settings, Advanced, SSO. It also signs your customers in: keep it safe."
        ),
        "client_secret": _("In Intercom’s Developer Hub: your app, Basic information."),
        "workspace_id": _("In Intercom’s address after /a/apps/."),
    }


def steps(state: State) -> list[Step]:
    """The way from nothing to an agent who sees orders, for this kind."""
    ways: dict[str, tuple[Callable[[State], list[Step]], Callable[[State], Step]]] = {
        "zendesk": (_zendesk, _pairing_once),
        "front": (_front, _pairing),
        "helpscout": (_helpscout, _pairing_once),
        "chatwoot": (_chatwoot, _pairing),
        "reamaze": (_reamaze, _matching),
        "intercom": (_intercom, _matching),
        "cards": (_cards, _following),
    }
    setting_up, agents = ways.get(state.helpdesk.kind, (_generic, _matching))
    return [*setting_up(state), _opening(state), agents(state)]


def _zendesk(state: State) -> list[Step]:
    settings = state.helpdesk.settings
    api = f"https://{settings['subdomain']}.zendesk.com/api/v2/apps"
    key = f"{api}/{settings.get('app_id')}/public_key.pem"
    return [
        Step(
            title=_("Name your Zendesk"),
            settings=("subdomain",),
            checks=state.refusal("other_subdomain"),
        ),
        Step(
            title=_("Upload the app"),
            text=_(
                "Download this file. In Zendesk open Admin Center, Apps and integrations, Zendesk Support "
                "apps and press “Upload private app”. Choose the file, then press Upload and Install."
            ),
            shows="zip",
            checks=_reachable(state),
            pending=not state.called and "app_id" in state.lacking,
        ),
        Step(
            title=_("Say which app it became"),
            text=_(
                "Signed in to Zendesk as an admin, open the list of installed apps. Find the part that names "
                "Deskside and copy two numbers."
            ),
            link=(f"{api}/installations.json", _("Open the list in Zendesk")),
            settings=("app_id", "installation_id"),
            checks=state.refusal("other_installation"),
        ),
        Step(
            title=_("Prove that it is Zendesk who calls"),
            text=_("Open the app’s public key in Zendesk and paste all that it shows.")
            if "app_id" in settings
            else _("Once the app id above is saved, a link to the app’s public key stands here."),
            link=(key, _("Open the key in Zendesk")) if "app_id" in settings else None,
            settings=("public_key",),
            checks=_proof(state, elsewhere=("other_subdomain", "other_installation")),
        ),
    ]


def _reachable(state: State) -> tuple[Check, ...]:
    """A page on https frames no page on http, and says so to nobody but its own console."""
    if framable(state.address):
        return ()
    return (Check(False, _("Helpdesks open https addresses only. Set APP_URL on the server to one.")),)


def _front(state: State) -> list[Step]:
    return [
        Step(
            title=_("Make a plug-in in Front"),
            text=_(
                "In Front: Settings, Developers, Create app, add the feature “Plugin”. As its address enter:"
            ),
            shows="address",
            checks=_reachable(state),
            pending=not state.called,
        ),
        Step(
            title=_("Prove that it is your Front who calls"),
            text=_("Copy the auth secret that Front shows for the app."),
            settings=("auth_secret",),
            checks=_proof(state),
        ),
    ]


def _helpscout(state: State) -> list[Step]:
    return [
        Step(
            title=_("Make an app in Help Scout"),
            text=_("In Help Scout: Manage, Apps, Build a custom app. As the callback address enter:"),
            shows="address",
            checks=_reachable(state),
            pending=not state.called,
        ),
        Step(
            title=_("Give both sides the same secret"),
            text=_(
                "Enter the secret that you were shown when you added this helpdesk, or set another one here."
            ),
            settings=("secret",),
            checks=_proof(state),
        ),
    ]


def _chatwoot(state: State) -> list[Step]:
    return [
        Step(
            title=_("Add a dashboard app"),
            text=_(
                "In Chatwoot open Settings, Integrations, Dashboard apps, press Configure and add an app. "
                "Give it a name that your agents know, and as its address enter:"
            ),
            shows="address",
            checks=(*_reachable(state), *state.refusal("other_origin")),
            pending=not state.called,
        ),
        Step(
            title=_("Let us confirm the customer"),
            text=_(
                "Chatwoot signs nothing, so what it shows could be typed by anybody. With an access token "
                "we ask Chatwoot itself who wrote the conversation."
            ),
            settings=("api_token", "account_id"),
            checks=_answered(state),
            optional=True,
        ),
    ]


def _answered(state: State) -> tuple[Check, ...]:
    """What Chatwoot said when it was asked just now."""
    if state.asked is None:
        return ()
    said = {
        "": _("We asked Chatwoot: the token fits this account."),
        "token_refused": _("Chatwoot refuses the access token. Copy it again."),
        "other_account": _("The token is good, but its owner has no account of this number."),
        "not_chatwoot": _("What answers at %(address)s is no Chatwoot.", address=state.helpdesk.origin),
        "not_reached": _("Nothing answers at %(address)s.", address=state.helpdesk.origin),
    }
    return (Check(not state.asked, said[state.asked]),)


def _reamaze(state: State) -> list[Step]:
    return [
        Step(title=_("Name your Re:amaze"), settings=("brand", "sso_secret")),
        Step(
            title=_("Add a custom module"),
            text=_("In Re:amaze: Settings, Apps, Custom module. As its address enter:"),
            shows="address",
            checks=(*_reachable(state), *_proof(state)),
        ),
    ]


def _intercom(state: State) -> list[Step]:
    return [
        Step(title=_("Name your workspace"), settings=("workspace_id", "client_secret")),
        Step(
            title=_("Add the app to the inbox"),
            text=_(
                "In Intercom’s Developer Hub: your app, Canvas Kit, for teammates. Enter this address as "
                "Initialize and as Submit:"
            ),
            shows="address",
            checks=(*_reachable(state), *_proof(state)),
        ),
    ]


def _cards(state: State) -> list[Step]:
    return [
        Step(
            title=_("Give your helpdesk this address"),
            text=_(
                "Its server asks there about each customer and draws the answer as a card. In Gorgias add an "
                "HTTP integration that sends the JSON %(body)s by POST; in Gladly a lookup adaptor; in "
                "Groove a custom profile. The address:",
                body='{"email": "{{ticket.customer.email}}", "ticket": "{{ticket.id}}"}',
            ),
            shows="address",
            checks=_reachable(state),
            pending=not state.called,
        ),
        Step(
            title=_("Give both sides the same secret"),
            text=_(
                "Enter the secret that you were shown, or set another one here. In Gorgias it is the header "
                "“Authorization” with “Bearer” and a space before the secret, in Gladly the signing key, in "
                "Groove the API token."
            ),
            settings=("secret",),
            checks=_proof(state),
        ),
    ]


def _following(state: State) -> Step:
    return Step(
        title=_("Agents follow the link in the card"),
        text=_(
            "The card shows, and changes nothing. Whoever wants to act presses its link and signs in here. "
            "Whoever has no account yet is invited under Agents."
        ),
        link=(url_for("admin.agents"), _("Agents")),
        pending=state.helpdesk.last_opened_at is None,
    )


def _generic(state: State) -> list[Step]:
    return [
        Step(
            title=_("Open the sidebar in a frame"),
            text=_("Your desk sends a form by POST with the field “token” to this address, into a frame:"),
            shows="address",
            pending=not state.called,
        ),
        Step(
            title=_("Sign each opening"),
            text=_(
                "The token is a JWT, HS256 with the secret you were shown, good for two minutes at most. "
                "It names the desk, the agent, the conversation and the customer."
            ),
            settings=("secret",),
            checks=_proof(state),
        ),
    ]


def _proof(state: State, *, elsewhere: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """Whether a call was proven, in the vendor's own way. `elsewhere`: refusals told at another step."""
    if state.refused and state.refused[1] not in elsewhere:
        code = state.refused[1]
        return state.refusal(code) or (Check(False, f"{refusals()['forged']} ({when(state.refused[0])})"),)
    opened = state.helpdesk.last_opened_at
    if opened is None:
        return (Check(None, _("Waiting for the first call that proves itself.")),)
    return (Check(True, _("A call proved itself at %(when)s.", when=when(opened))),)


def _matching(state: State) -> Step:
    found = len(state.matched)
    text = _("%(found)s of %(all)s agents found by their e-mail address.", found=found, all=state.enabled)
    return Step(
        title=_("Match your agents"),
        text=_(
            "Each one is found at their first signed call, by the address they have under Agents. "
            "Reading needs a match; money needs a match and a signed call."
        ),
        checks=(Check(found > 0 or None, text),),
    )


def _pairing(state: State) -> Step:
    return Step(
        title=_("Agents pair once a day"),
        text=_(
            "This helpdesk does not prove who its agents are, so the sidebar first shows a button. The agent "
            "presses it, signs in here, compares the code and confirms; that lasts for the working day. "
            "Whoever has no account yet is invited under Agents."
        ),
        link=(url_for("admin.agents"), _("Agents")),
        pending=state.helpdesk.last_opened_at is None,
    )


def _pairing_once(state: State) -> Step:
    """For desks that sign a number of the agent and no address: the first money ties it to a person."""
    found = len(state.matched)
    text = _("%(found)s of %(all)s agents have paired.", found=found, all=state.enabled)
    return Step(
        title=_("Agents pair once"),
        text=_(
            "Every signed call may read. At their first refund the sidebar shows a code; the agent signs in "
            "here, compares it and confirms. After that the helpdesk vouches for them. Whoever has no "
            "account yet is invited under Agents."
        ),
        link=(url_for("admin.agents"), _("Agents")),
        checks=(Check(found > 0 or None, text),),
    )


def _opening(state: State) -> Step:
    opened = state.helpdesk.last_opened_at
    seen = (
        Check(True, _("Opened last at %(when)s.", when=when(opened)))
        if opened
        else Check(None, _missing(state))
    )
    where = {
        "zendesk": _(
            "Any ticket of a customer who has bought something. The sidebar stands on the right, among the "
            "apps; where you do not see it, press the icon of the apps there."
        ),
        "chatwoot": _(
            "Any conversation of a customer who has bought something; press the tab with the app’s name. "
            "While that tab is open Chatwoot hides the composer: copy the reply, paste it under Messages."
        ),
    }
    return Step(
        title=_("Open a conversation"),
        text=where.get(state.helpdesk.kind, _("Any conversation of a customer who has bought something.")),
        checks=(seen,),
    )


def _missing(state: State) -> str:
    """Nothing was opened yet; where to look if it should have been."""
    if state.called:
        return str(_("Waiting for the first opening."))
    if state.helpdesk.kind == "zendesk":
        return str(
            _(
                "Waiting for the first opening. If nothing comes: is the app installed and switched on in "
                "Zendesk, for your role and group?"
            )
        )
    return str(
        _(
            "Waiting for the first opening. If nothing comes: is the address in your helpdesk the one above, "
            "letter by letter?"
        )
    )


def refusals() -> dict[str, str]:
    """Why a call was refused, and what to do; by the code of the error."""
    return {
        "forged": _(
            "The signature does not fit. The secret or key here belongs to another app: copy it again."
        ),
        "other_key": _(
            "The signature does not fit the key here. Copy the key again; if the app was uploaded anew, copy "
            "its two numbers again too."
        ),
        "long_life": _("The token is good for more than two minutes. Make a new one for each opening."),
        "expired": _(
            "The proof was of another time: too old, or ahead of our clock. Check the clock of the server."
        ),
        "forbidden": _("The call named somebody who has no access here. Look under Agents."),
        "access_ended": _("The call named an agent who was disabled."),
        "bad_input": _(
            "The call came without its proof. Enter the address again, exactly as it stands here."
        ),
        "other_subdomain": _(
            "A Zendesk with another subdomain called. Its agents see an empty frame until the name here "
            "is right."
        ),
        "other_installation": _(
            "The key fits, but the call came from another installation. Copy the installation id again."
        ),
        "no_key": _(
            "Zendesk calls already. Fill in what is missing here, so that its calls can be checked, then "
            "reload the ticket."
        ),
        "unsigned": _("Zendesk opened the sidebar without a signature. Upload the app from this page again."),
        "other_origin": _(
            "The sidebar was opened at another address, where browsers keep it empty. Correct the address of "
            "your desk below."
        ),
    }
