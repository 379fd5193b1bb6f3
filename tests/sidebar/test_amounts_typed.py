"""What people type as an amount: read as they meant it, or asked again; never as something else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from integration.errors import BadInput
from sidebar.dialogs import _plain_amount


@pytest.mark.parametrize(
    ("typed", "currency", "read"),
    [
        ("12.50", "EUR", "12.50"),
        ("12,50", "EUR", "12.50"),
        ("1,5", "EUR", "1.50"),
        (" 1 200,50 ", "EUR", "1200.50"),
        ("1\u00a0200\u202f000", "EUR", "1200000.00"),
        ("1200", "JPY", "1200"),
        ("1.250", "KWD", "1.250"),
        ("", "EUR", "0"),
    ],
)
def test_both_marks_and_spaces_are_read(typed, currency, read):
    assert _plain_amount(typed, SimpleNamespace(currency=currency)) == read


@pytest.mark.parametrize(
    ("typed", "currency"),
    [
        ("1,500", "EUR"),  # fifteen hundred, or one and a half?
        ("1.500", "EUR"),
        ("1.999", "EUR"),
        ("1,200.50", "EUR"),
        ("1.200,50", "EUR"),
        ("12.5", "JPY"),
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("--1", "EUR"),
        ("+1", "EUR"),
        ("0x10", "EUR"),
        ("12€", "EUR"),
        ("٣", "EUR"),
        (".", "EUR"),
        ("5.", "EUR"),
        ("9" * 30, "EUR"),
    ],
)
def test_everything_else_is_asked_again(typed, currency):
    with pytest.raises(BadInput) as refused:
        _plain_amount(typed, SimpleNamespace(currency=currency))
    assert refused.value.code == "bad_amount"
