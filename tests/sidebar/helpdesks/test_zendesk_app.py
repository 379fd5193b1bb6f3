"""The app's zip: what Zendesk's own checks ask of it."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib

import pytest

from integration.cli import main
from integration.errors import BadInput
from sidebar import zendesk_app

ADDRESS = "https://deskside.test/sidebar/zendesk/the-key"


def pixels(png):
    """(side, side) and the rows of a PNG without palette or transparency, each chunk checked."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, size, data = 8, None, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(name + body)
        if name == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if name == b"IDAT" else b""
        at += 12 + length
    return size, zlib.decompress(data)


def test_the_manifest_asks_for_signed_addresses_of_one_door():
    made = zendesk_app.manifest(ADDRESS, email="help@lumi.example")
    assert made["signedUrls"] is True
    assert made["private"] is True
    assert made["frameworkVersion"] == "2.0"
    assert made["author"] == {"name": "Deskside", "email": "help@lumi.example"}
    assert {place["url"] for place in made["location"]["support"].values()} == {ADDRESS}
    assert set(made["location"]["support"]) == {"ticket_sidebar", "new_ticket_sidebar"}


def test_zendesk_opens_no_plain_address():
    with pytest.raises(BadInput):
        zendesk_app.manifest("http://deskside.test/sidebar/zendesk/k", email="a@b.ee")
    assert zendesk_app.manifest("http://localhost:8000/sidebar/zendesk/k", email="a@b.ee")


def test_the_zip_holds_what_the_framework_wants_and_nothing_else(tmp_path):
    file = tmp_path / "app.zip"
    zendesk_app.build_zip(file, ADDRESS, email="help@lumi.example")
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == [
            "assets/logo-small.png",
            "assets/logo.png",
            "manifest.json",
            "translations/en.json",
        ]
        assert json.loads(archive.read("translations/en.json"))["app"]["name"] == "Deskside"
        assert json.loads(archive.read("manifest.json"))["defaultLocale"] == "en"
        for name, side in zendesk_app.LOGOS.items():
            size, rows = pixels(archive.read(name))
            assert size == (side, side)
            assert len(rows) == side * (1 + 3 * side)
            assert len(set(rows[1 + 3 * (side // 2) :])) > 2


def test_the_same_app_is_the_same_bytes(tmp_path):
    for name in ("one.zip", "two.zip"):
        zendesk_app.build_zip(tmp_path / name, ADDRESS, email="help@lumi.example")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The command in an installation of its own: what it printed and its exit code."""
    for name, value in {
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.sqlite3",
        "DATA_DIR": str(tmp_path),
        "APP_URL": "https://deskside.test",
        "SECRET_KEY": "a secret key of the tests",
        "ENCRYPTION_KEYS": "oT3oOZl8Dbe3vFNdZVnJQ5LpyZ2CnpyMOW0S6Wvzc9I=",
    }.items():
        monkeypatch.setenv(name, value)

    def call(*arguments):
        try:
            main(list(arguments))
        except SystemExit as ended:
            return capsys.readouterr().out, ended.code or 0
        return capsys.readouterr().out, 0

    assert call("migrate")[1] == 0
    return call


def test_the_command_names_the_door_of_one_helpdesk(run, tmp_path):
    out, _code = run("helpdesks", "add", "zendesk", "--name", "Help", "--set", "subdomain=acme", "--json")
    desk = json.loads(out)
    file = tmp_path / "app.zip"
    assert run("build", "zendesk-app", str(file), "--helpdesk", desk["id"])[1] == 0
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["location"]["support"]["ticket_sidebar"]["url"] == desk["url"]
    assert manifest["author"]["email"] == "deskside@deskside.test"


def test_the_command_wants_a_zendesk(run, tmp_path):
    desk = json.loads(run("helpdesks", "add", "chatwoot", "--name", "Chat", "--json")[0])
    for wrong in ("nobody", desk["id"]):
        assert run("build", "zendesk-app", str(tmp_path / "no.zip"), "--helpdesk", wrong)[1] == 2
    assert not (tmp_path / "no.zip").exists()
