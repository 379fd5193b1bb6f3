"""The five languages of the interface, and their catalogues, compiled in memory at start."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel, Domain, get_locale
from markupsafe import Markup

LANGUAGES = {"en": "English", "et": "Eesti", "ro": "Română", "th": "ไทย", "ar": "العربية"}
"""Code → the language's own name. The first one is the language of the code's messages."""
SHORT = {"en": "EN", "et": "ET", "ro": "RO", "th": "TH", "ar": "ع"}
RIGHT_TO_LEFT = frozenset({"ar"})
COMMAS = {"ar": "، "}
CATALOGUES = Path(__file__).parent / "translations"


class PoDomain(Domain):  # type: ignore[misc]  # flask-babel ships no types
    """Messages straight from the .po files: what is in the repository is what people read."""

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        return catalogue(locale.language if locale else "en")


class Languages(Babel):  # type: ignore[misc]  # flask-babel ships no types
    @property
    def domain_instance(self) -> Domain:
        return PoDomain()


@cache
def catalogue(language: str) -> NullTranslations:
    """All .po files of a language, merged."""
    merged: Translations | None = None
    # messages.po first: its plural rule is the one that counts for all of them.
    paths = (CATALOGUES / language / "LC_MESSAGES").glob("*.po")
    for path in sorted(paths, key=lambda path: (path.name != "messages.po", path.name)):
        with path.open("rb") as file:
            messages = read_po(file, locale=language)
        compiled = io.BytesIO()
        write_mo(compiled, messages)
        compiled.seek(0)
        one = Translations(compiled)
        if merged is None:
            merged = one
        else:
            merged.merge(one)
    return merged or NullTranslations()


def known(language: str | None) -> str | None:
    """`ro-MD`, `RO_ro` → `ro`; None for a language we do not speak."""
    code = (language or "").replace("_", "-").split("-")[0].strip().lower()
    return code if code in LANGUAGES else None


def current() -> str:
    """Code of this request's language.

    A pane asks more than a thousand times, and flask-babel looks its context up anew each time; so what it
    has kept in `g` is read there. Outside of its keeping it is asked itself.
    """
    try:
        kept = g._get_current_object().__dict__.get("_flask_babel")
    except RuntimeError:
        return "en"
    locale: Locale | None = getattr(kept, "babel_locale", None) or get_locale()
    return str(locale.language) if locale else "en"


def gettext(message: str, **variables: Any) -> str:
    """As flask-babel's, and quick."""
    text = _written(message, current())
    return text % variables if variables else text


@lru_cache(maxsize=8192)
def _written(message: str, language: str) -> str:
    """Kept: a pane says the same few hundred things each time."""
    return str(catalogue(language).gettext(message))


@lru_cache(maxsize=8192)
def _marked(message: str, language: str) -> Markup:
    return Markup(_written(message, language))  # noqa: S704 - our own texts, as Jinja takes them


def in_template(message: str, **variables: Any) -> Markup:
    """As Jinja's new-style gettext, which takes four calls to get here: variables are escaped."""
    return _marked(message, current()) % variables


def counted_in_template(singular: str, plural: str, num: int, **variables: Any) -> Markup:
    """As Jinja's new-style ngettext."""
    return Markup(catalogue(current()).ngettext(singular, plural, num)) % {"num": num, **variables}  # noqa: S704


def ngettext(singular: str, plural: str, num: int, **variables: Any) -> str:
    text: str = catalogue(current()).ngettext(singular, plural, num)
    return text % {"num": num, **variables}


def comma() -> str:
    """What stands between two things of a list, space included."""
    return COMMAS.get(current(), ", ")


def enumerated(parts: Iterable[str]) -> str:
    """Side by side, with the comma of the language."""
    return comma().join(parts)


def direction(language: str) -> str:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def choose() -> str:
    """What the visit or session says, else the browser's wish."""
    chosen = known(getattr(g, "language", None))
    return chosen or request.accept_languages.best_match(list(LANGUAGES)) or "en"


def install(app: Flask) -> None:
    Languages(app, locale_selector=choose, default_locale="en")
    app.jinja_env.globals.update(
        _=in_template,
        gettext=in_template,
        ngettext=counted_in_template,
        comma=comma,
        languages=LANGUAGES,
        short_language=SHORT,
        language=current,
        direction=direction,
    )
