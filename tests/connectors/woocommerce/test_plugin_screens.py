"""What a merchant sees under WooCommerce, Agent sidebar: each state in words, nothing unescaped."""

from __future__ import annotations

import subprocess

import pytest

from tests.connectors.woocommerce import plugin_screens


@pytest.fixture(scope="module")
def screens() -> dict[str, str]:
    """As recorded; where there is PHP, also as it renders them now."""
    kept = plugin_screens.recorded()
    if binary := plugin_screens.php():
        subprocess.run([binary, "-l", str(plugin_screens.PLUGIN)], check=True, capture_output=True)
        assert plugin_screens.render(binary) == kept
    return kept


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ("new", "Deskside address"),
        ("bad address", "beginning with https://"),
        ("to connect", "Connect this store"),
        ("no https", "This site is not on https"),
        ("waiting", "has to confirm this store"),
        ("copying", "38,412 of 61,900"),
        ("in step", "Everything is up to date"),
        ("degraded", "7 of 9 active"),
        ("disconnected", "Connect again to go on"),
        ("no answer", "has not confirmed it just now"),
    ],
)
def test_each_state_is_told(screens: dict[str, str], scene: str, says: str) -> None:
    assert says in screens[scene]


def test_only_a_connected_store_can_be_opened(screens: dict[str, str]) -> None:
    opens = {name for name, page in screens.items() if 'value="deskside_open"' in page}
    waits = {"new", "bad address", "to connect", "no https", "not allowed"}
    assert opens == screens.keys() - waits


def test_connecting_starts_at_our_door_with_the_shops_address(screens: dict[str, str]) -> None:
    door = 'href="https://desk.example.com/woocommerce/install?url=https%3A%2F%2Fshop.example"'
    assert door in screens["to connect"]
    assert door in screens["in step"]


def test_hostile_words_come_out_as_text(screens: dict[str, str]) -> None:
    page = screens["hostile"]
    assert "<script" not in page
    assert "<b>" not in page
    assert "&quot;&gt;&lt;script&gt;" in page


def test_who_may_not_manage_the_shop_sees_nothing(screens: dict[str, str]) -> None:
    assert screens["not allowed"].strip() == ""
