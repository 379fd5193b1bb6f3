"""Replies: the merchant's own wording, by situation, language and store; ours where they have none."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale

from integration import companions, wording
from integration.db.accounts import Account, Role
from integration.errors import BadInput, NotFound
from integration.ids import row_id
from integration.people import SignedIn
from integration.terms import PlainStore, read_terms
from integration.wording import Wording
from integration.work import Work
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
        store = _store(work)
        kept = wording.load(work).of(store.id if store else None)
        stores = read_terms(work).stores
        account = work.session.get_one(Account, work.account_id)
        fits = companions.switched_on(account.settings)
    return render_template(
        "admin/replies.html",
        kept=kept,
        store=store,
        stores=list(stores.values()),
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
        store = _store(work)
        kept = wording.load(work)
    return _page(language, situation, _said(kept, language, situation, store), store, kept)


@bp.post("/replies/<language>/<situation>")
@guard.person_required(Role.LEAD)
def replies_save(person: SignedIn, language: str, situation: str) -> ResponseReturnValue:
    """Preview, keep, or go back to what is said without it, as the pressed button says."""
    _must_exist(language, situation)
    text, press = request.form.get("text", ""), request.form.get("press", "preview")
    with services().reading(person.account_id) as work:
        store = _store(work)
        kept = wording.load(work)
    if press == "reset":
        return _kept(person, language, situation, "", store)
    try:
        checked = own.check(text, language, situation)
    except BadInput as error:
        return _page(language, situation, text, store, kept, error=error.next_step), 400
    if press != "keep":
        return _page(language, situation, text, store, kept)
    without = _said(kept, language, situation, store, besides=True)
    return _kept(person, language, situation, "" if checked.strip() == without.strip() else checked, store)


def _kept(
    person: SignedIn, language: str, situation: str, text: str, store: PlainStore | None
) -> ResponseReturnValue:
    store_id = store.id if store else None
    with services().transaction(person.account_id) as work:
        wording.save(work, language, situation, text, by=person.email, store_id=store_id)
    return redirect(url_for("admin.replies", saved=1, store=store_id), 303)


def _store(work: Work) -> PlainStore | None:
    """The store whose words are looked at; None: those for all. Raises :exc:`NotFound`."""
    asked = request.values.get("store", "")
    if not asked:
        return None
    found = read_terms(work).stores.get(row_id(asked))
    if found is None:
        raise NotFound("no such store")
    return found


def _said(
    kept: Wording, language: str, situation: str, store: PlainStore | None, *, besides: bool = False
) -> str:
    """What is said in the store, or would be without words of its own (`besides`)."""
    choices = kept.choices(language, situation, store.id if store else None)
    if besides and _is_own(kept, language, situation, store):
        choices = choices[1:]
    return choices[0] if choices else texts.wording(language)[situation]


def _is_own(kept: Wording, language: str, situation: str, store: PlainStore | None) -> bool:
    return bool(kept.of(store.id if store else None).get(language, {}).get(situation))


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


def _page(
    language: str, situation: str, text: str, store: PlainStore | None, kept: Wording, *, error: str = ""
) -> str:
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
        is_own=_is_own(kept, language, situation, store),
        store=store,
        places=own.PLACES,
        error=error,
    )
