"""Replies: the merchant's own wording, by situation and language; ours where they have none."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale

from integration import companions, wording
from integration.db.accounts import Account, Role
from integration.errors import BadInput, NotFound
from integration.people import SignedIn
from sidebar import replies as texts
from sidebar.admin import guard
from sidebar.admin.frame import bp
from sidebar.context import services
from sidebar.languages import LANGUAGES
from sidebar.replies import own


@bp.get("/replies")
@guard.person_required(Role.LEAD)
def replies(person: SignedIn) -> ResponseReturnValue:
    """Every situation in every language, and which of them are worded by the merchant."""
    with services().reading(person.account_id) as work:
        kept = wording.load(work)
        account = work.session.get_one(Account, work.account_id)
        fits = companions.switched_on(account.settings)
    return render_template(
        "admin/replies.html",
        kept=kept,
        situations=list(texts.situation_words().items()),
        all_languages=LANGUAGES,
        fits=fits,
        saved=request.args.get("saved"),
    )


@bp.get("/replies/<language>/<situation>")
@guard.person_required(Role.LEAD)
def replies_one(person: SignedIn, language: str, situation: str) -> ResponseReturnValue:
    _must_exist(language, situation)
    with services().reading(person.account_id) as work:
        mine = wording.load(work).get(language, {}).get(situation, "")
    return _page(language, situation, mine or texts.wording(language)[situation], is_own=bool(mine))


@bp.post("/replies/<language>/<situation>")
@guard.person_required(Role.LEAD)
def replies_save(person: SignedIn, language: str, situation: str) -> ResponseReturnValue:
    """Preview, keep, or go back to our text, as the pressed button says."""
    _must_exist(language, situation)
    text, press = request.form.get("text", ""), request.form.get("press", "preview")
    if press == "reset":
        with services().transaction(person.account_id) as work:
            wording.save(work, language, situation, "", by=person.email)
        return redirect(url_for("admin.replies", saved=1), 303)
    with services().reading(person.account_id) as work:
        is_own = bool(wording.load(work).get(language, {}).get(situation))
    try:
        checked = own.check(text, language, situation)
    except BadInput as error:
        return _page(language, situation, text, is_own=is_own, error=error.next_step), 400
    if press != "keep":
        return _page(language, situation, text, is_own=is_own)
    ours = texts.wording(language)[situation].strip()
    with services().transaction(person.account_id) as work:
        kept = "" if checked.strip() == ours else checked
        wording.save(work, language, situation, kept, by=person.email)
    return redirect(url_for("admin.replies", saved=1), 303)


@bp.post("/replies/fits")
@guard.person_required(Role.LEAD)
def replies_fits(person: SignedIn) -> ResponseReturnValue:
    """Whether agents see what else fits."""
    with services().transaction(person.account_id) as work:
        companions.switch(work, request.form.get("fits") == "yes", by=person.email)
    return redirect(url_for("admin.replies", saved=1), 303)


def _must_exist(language: str, situation: str) -> None:
    if language not in LANGUAGES or situation not in texts.SITUATIONS:
        raise NotFound("no such reply")


def _page(language: str, situation: str, text: str, *, is_own: bool, error: str = "") -> str:
    shown = ""
    if not error:
        with force_locale(language):
            try:
                shown = own.preview(text, language, situation)
            except BadInput as problem:
                error = problem.next_step
    return render_template(
        "admin/reply.html",
        reply_language=language,
        language_name=texts.language_name(language),
        situation=situation,
        word=texts.situation_words()[situation],
        text=text,
        preview=shown,
        is_own=is_own,
        places=own.PLACES,
        error=error,
    )
