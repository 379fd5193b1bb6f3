"""Are the catalogues complete? Run by `make check`; exits 1 and names what is missing.

Messages are collected from the code and the templates the way gettext does it, and from the places where
errors and rules carry English sentences that are translated at the edge (`next_step`, `N_`, words of
limits). With `--missing LANGUAGE` it prints the missing entries as a .po file to fill in.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = ROOT / "sidebar" / "translations"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext.babel_extract")]
OPTIONS = {"**/templates/**.html": {"trimmed": "false", "silent": "false"}}
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
SENTENCE_KEYWORDS = frozenset({"next_step"})
FOLDERS = ("integration", "connectors", "jobs", "sidebar")
NOT_SHOWN = frozenset({"demo", "api"})
"""What is in these folders speaks to programs, or plays a store."""
PLACES = re.compile(r"%\((\w+)\)[sd]")


def collect() -> Catalog:
    found = Catalog(fuzzy=False)
    for folder in ("sidebar", "integration"):
        for name, line, message, comments, context in extract_from_dir(
            str(ROOT / folder), METHODS, OPTIONS, KEYWORDS, callback=None
        ):
            if message:
                found.add(
                    message, None, [(f"{folder}/{name}", line)], auto_comments=comments, context=context
                )
    for path in sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")):
        if NOT_SHOWN.isdisjoint(path.parts):
            for line, sentence in sentences(path.read_text("utf-8")):
                found.add(sentence, None, [(str(path.relative_to(ROOT)), line)])
    return found


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """English sentences that travel as data: `next_step="…"`, also as a class attribute or a dict's value."""
    for node in ast.walk(ast.parse(source)):
        named: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.keyword) and node.arg:
            named.append((node.arg, node.value))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    named.append((target.id, node.value))
                elif isinstance(target, ast.Attribute):
                    named.append((target.attr, node.value))
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    named += [(name.id, value) for name, value in pairs if isinstance(name, ast.Name)]
        elif isinstance(node, ast.Dict):
            named += [
                (str(key.value), value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
        for name, value in named:
            if name in SENTENCE_KEYWORDS and isinstance(value, ast.Constant):
                text = value.value
                if isinstance(text, str) and text:
                    yield value.lineno, text


def languages() -> list[str]:
    return sorted(path.name for path in CATALOGUES.iterdir() if (path / "LC_MESSAGES").is_dir())


def catalogue(language: str) -> Catalog:
    """All .po files of a language as one."""
    whole = Catalog(locale=language)
    for path in sorted((CATALOGUES / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    whole.add(message.id, message.string, flags=message.flags, context=message.context)
    return whole


def faults(message: Message, translated: Message | None, plurals: int) -> str | None:
    """What is wrong with one entry; None when nothing is."""
    if translated is None:
        return "missing"
    given = translated.string if isinstance(translated.string, tuple | list) else (translated.string,)
    strings = [text or "" for text in given]
    if not all(strings):
        return "empty"
    if translated.fuzzy:
        return "fuzzy"
    if isinstance(message.id, tuple | list) and len(strings) != plurals:
        return f"{len(strings)} plural forms, want {plurals}"
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    known = {place for text in ids for place in PLACES.findall(text)}
    for text in strings:
        places = set(PLACES.findall(text))
        if places - known:
            return f"unknown place {sorted(places - known)}"
        if len(strings) == 1 and places != known:
            return f"lost place {sorted(known - places)}"
    return None


def missing(language: str, wanted: Catalog) -> list[tuple[Message, str]]:
    have = catalogue(language)
    found = []
    for message in wanted:
        if not message.id:
            continue
        fault = faults(message, have.get(message.id, message.context), have.num_plurals)
        if fault:
            found.append((message, fault))
    return found


def main(arguments: list[str]) -> int:
    wanted = collect()
    if arguments[:1] == ["--missing"]:
        language = arguments[1]
        rest = Catalog(locale=language)
        for message, _fault in missing(language, wanted):
            rest.add(message.id, None, message.locations[:1], context=message.context)
        write_po(sys.stdout.buffer, rest, width=110, omit_header=False)
        return 0
    worst = 0
    for language in languages():
        found = [] if language == "en" else missing(language, wanted)
        for message, fault in found[:40]:
            print(f"{language}: {fault}: {message.id!r}")
        print(f"{language}: {len(wanted)} messages, {len(found)} faults")
        worst = worst or len(found)
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
