"""The WordPress plugin: what is in the parcel, and what it signs."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from connectors.woocommerce.plugin import FOLDER, build_zip, read_visit, sign
from integration.errors import ForgedMessage

NOW = datetime(2026, 11, 21, 22, 50, 52, tzinfo=UTC)
SECRET = "cs_secret"
SAID = {
    "site": "https://shop.example/outlet",
    "email": "mari@shop.example",
    "name": "Mari Ō & Co",
    "time": "1795301452",
    "nonce": "bd4d5b5d0705b9f838480772f0100951",
}
BY_PHP = "a1f82eba13fa44be046209d45ab5b5bd7a5af782606e76beb50b3e9aaf4c2440"
"""What `deskside.php` made of the above, run by PHP 8.2."""


def source(name: str) -> str:
    return files("connectors.woocommerce.plugin").joinpath(name).read_text("utf-8")


def test_the_parcel_is_what_wordpress_wants(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_zip(tmp_path / "plugin.zip")) as archive:
        assert sorted(archive.namelist()) == [f"{FOLDER}/deskside.php", f"{FOLDER}/readme.txt"]
        assert archive.testzip() is None


def test_the_same_sources_make_the_same_parcel(tmp_path: Path) -> None:
    first, second = (build_zip(tmp_path / name).read_bytes() for name in ("1.zip", "2.zip"))
    assert first == second


def test_header_and_readme_agree() -> None:
    header, readme = source("deskside.php"), source("readme.txt")
    for in_header, in_readme in (
        (r"Version: +(\S+)", r"Stable tag: (\S+)"),
        (r"Requires at least: +(\S+)", r"Requires at least: (\S+)"),
        (r"Requires PHP: +(\S+)", r"Requires PHP: (\S+)"),
    ):
        told, written = re.search(in_header, header), re.search(in_readme, readme)
        assert told is not None
        assert written is not None
        assert told[1] == written[1]
    assert re.search(r"Text Domain: +(\S+)", header)[1] == FOLDER  # type: ignore[index]  # None fails too


def test_every_output_is_escaped() -> None:
    php = source("deskside.php")
    printed = re.findall(r"\becho\s+(\w+)", php)
    assert len(printed) > 8
    assert set(printed) <= {"esc_html", "esc_attr", "esc_url"}
    assert "<?=" not in php
    assert "_e(" not in re.sub(r"esc_html_e\(", "", php)


def test_every_text_can_be_translated_in_the_plugins_own_domain() -> None:
    calls = re.findall(
        r"\b(?:__|esc_html__|esc_html_e)\(\s*'((?:[^'\\]|\\.)*)',\s*'([^']*)'", source("deskside.php")
    )
    assert len(calls) > 20
    assert {domain for _, domain in calls} == {FOLDER}


def test_every_form_is_guarded() -> None:
    php = source("deskside.php")
    for action in re.findall(r"'admin_post_(\w+)'", php):
        assert f"deskside_must_be_allowed( '{action}' )" in php
        assert f"wp_nonce_field( '{action}' )" in php
    assert "nopriv" not in php


def test_php_and_we_sign_alike() -> None:
    assert sign("open", SAID, SECRET) == BY_PHP


def test_a_signed_address_names_who_comes() -> None:
    visit = read_visit("open", {**SAID, "signature": BY_PHP}, SECRET, now=NOW)
    assert (visit.email, visit.name, visit.site) == (SAID["email"], SAID["name"], SAID["site"])
    assert visit.nonce == SAID["nonce"]


@pytest.mark.parametrize(
    "forged",
    [
        {"email": "eve@shop.example"},
        {"site": "https://other.example"},
        {"time": "1795301453"},
        {"nonce": "f" * 32},
        {"signature": ""},
        {"signature": "Õ" * 64},
        {"name": "Mari Ō & Co\nx"},
    ],
)
def test_any_other_word_is_a_forgery(forged: dict[str, str]) -> None:
    with pytest.raises(ForgedMessage):
        read_visit("open", {**SAID, "signature": BY_PHP} | forged, SECRET, now=NOW)


def test_a_question_for_the_state_lets_nobody_in() -> None:
    asked = {**SAID, "signature": sign("status", SAID, SECRET)}
    with pytest.raises(ForgedMessage):
        read_visit("open", asked, SECRET, now=NOW)


@pytest.mark.parametrize("late", [timedelta(seconds=61), timedelta(seconds=-61)])
def test_an_address_is_good_for_a_minute(late: timedelta) -> None:
    with pytest.raises(ForgedMessage, match="too old"):
        read_visit("open", {**SAID, "signature": BY_PHP}, SECRET, now=NOW + late)


@pytest.mark.parametrize("odd", [{"time": "soon"}, {"nonce": "short"}, {"time": "٣"}])
def test_a_well_signed_oddity_is_refused(odd: dict[str, str]) -> None:
    said = SAID | odd
    with pytest.raises(ForgedMessage, match="malformed"):
        read_visit("open", {**said, "signature": sign("open", said, SECRET)}, SECRET, now=NOW)
