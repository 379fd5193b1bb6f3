"""Rows of a bulk file: cut, put into buckets, and read back by order whatever their sequence."""

from __future__ import annotations

import json
import random

import pytest

from connectors.shopify.spool import MOST_BUCKETS, ORDERS_A_BUCKET, Spool, buckets_for, rows_of
from integration.errors import AppError, UnreadableAnswer


def row(kind: str, number: int, parent: str | None = None) -> bytes:
    value = {"id": f"gid://shopify/{kind}/{number}", "n": number}
    return json.dumps(value | ({"__parentId": parent} if parent else {})).encode()


def rows_for(orders: int) -> list[list[bytes]]:
    """Per order: itself, two lines, a return and its line; a child never before its parent."""
    groups = []
    for n in range(orders):
        order, back = f"gid://shopify/Order/{n}", f"gid://shopify/Return/{n}"
        groups.append([
            row("Order", n),
            row("LineItem", 10 * n, order),
            row("Return", n, order),
            row("LineItem", 10 * n + 1, order),
            row("ReturnLineItem", n, back),
        ])  # fmt: skip
    return groups


def interleaved(groups: list[list[bytes]], seed: int) -> list[bytes]:
    dice, waiting, result = random.Random(seed), [list(group) for group in groups], []
    while waiting:
        group = dice.choice(waiting)
        result.append(group.pop(0))
        if not group:
            waiting.remove(group)
    return result


@pytest.mark.parametrize("seed", range(5))
def test_orders_come_together_again_from_any_mixture(tmp_path, seed):
    spool = Spool(tmp_path / "op", 4)
    spool.fill(interleaved(rows_for(50), seed))
    found = {rows.id: rows for bucket in range(4) for rows in spool.read(bucket)}
    assert len(found) == 50
    for n in range(50):
        rows = found[f"gid://shopify/Order/{n}"]
        assert rows.order == row("Order", n)
        assert [json.loads(each)["n"] for each in rows.lines] == [10 * n, 10 * n + 1]
        assert [json.loads(each)["n"] for each in rows.returns] == [n]
        assert [(parent, json.loads(each)["n"]) for parent, each in rows.return_lines] == [
            (f"gid://shopify/Return/{n}", n)
        ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_cut_at_its_lines_wherever_it_is_broken(size):
    text = b'{"a":1}\n{"b":2}\n\n{"c":3}\n'
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(rows_of(chunks)) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert list(rows_of([text[:-1]])) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize(
    "bad", [b"garbage", b'{"id": 5}', row("ReturnLineItem", 1, "gid://shopify/Return/404")]
)
def test_a_row_that_belongs_nowhere_leaves_no_half_spool(tmp_path, bad):
    spool = Spool(tmp_path / "op", 2)
    with pytest.raises(UnreadableAnswer):
        spool.fill([row("Order", 1), bad])
    assert not spool.is_filled
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_not_the_stores_fault(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError) as caught:
        Spool(tmp_path / "file" / "op", 1).fill([])
    assert caught.value.code == "disk"


def test_what_was_spooled_is_for_our_eyes_only(tmp_path):
    spool = Spool(tmp_path / "op", 1)
    spool.fill([row("Order", 1)])
    assert (tmp_path / "op").stat().st_mode & 0o077 == 0
    spool.clear()
    assert not spool.is_filled


def test_buckets_stay_few():
    sizes = (0, 1, ORDERS_A_BUCKET, ORDERS_A_BUCKET + 1, 10**7)
    assert [buckets_for(orders) for orders in sizes] == [1, 1, 1, 2, MOST_BUCKETS]
