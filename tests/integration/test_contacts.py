"""E-mails, phones and quoted numbers in one writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.contacts import email_key, key, number_keys, order_refs, phone_key, phone_keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Mari@Example.EE ", "mari@example.ee"),
        ("Mari Mets <mari@example.ee>", "mari@example.ee"),
        ("mailto:mari@example.ee", "mari@example.ee"),
        ("mari.mets+shop@example.ee", "mari.mets+shop@example.ee"),
        ("mari@müük.ee", "mari@xn--mk-xkaa.ee"),
        ("mari", None),
        ("mari@localhost", None),
        ("a b@example.ee", None),
        ("a..b@example.ee", None),
        (".a@example.ee", None),
        ("a@-example.ee", None),
        ("a@exam_ple.ee", None),
        ("a@example.ee, b@example.ee", None),
        ("mari@example.ee\u202e", None),
        ("\ud800@example.ee", None),
        ("x" * 65 + "@example.ee", None),
        ("a@" + "x" * 300 + ".ee", None),
        ("", None),
        (None, None),
    ],
)
def test_an_email_has_one_key(text, expected):
    assert email_key(text) == expected


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("+372 5551 2345", None, "+37255512345"),
        ("00372 5551 2345", None, "+37255512345"),
        ("5551 2345", "EE", "+37255512345"),
        ("0721 234 567", "ro", "+40721234567"),
        ("๐๘๑๒๓๔๕๖๗๘", "TH", "+66812345678"),
        ("٠٥٠١٢٣٤٥٦٧", "SA", "+966501234567"),
        ("+1 (212) 555-0101", "EE", "+12125550101"),
        ("0721 234 567", None, "0721234567"),
        ("123456", None, "123456"),
        ("1234", None, None),
        ("call me", None, None),
        ("1" * 40, None, None),
        ("", "EE", None),
        (None, None, None),
    ],
)
def test_a_phone_has_one_key(text, region, expected):
    assert phone_key(text, region) == expected


def test_a_number_without_a_country_code_has_a_key_for_each_country_it_may_be_at_home_in():
    assert phone_keys("0721 234 567", ["RO", "GB"]) == ["0721234567", "+40721234567", "+44721234567"]
    assert phone_keys("+37255512345", ["RO"]) == ["+37255512345"]
    assert phone_keys("x") == []


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Where is #1042?", ["1042"]),
        ("Re: order no. 1042 and L-5531", ["1042", "L-5531"]),
        ("Minu tellimus nr 5531 ei jõudnud", ["5531"]),
        ("Tellimuse L5531 kohta", ["L5531"]),
        ("Comanda mea nr. 2077", ["2077"]),
        ("Numărul comenzii 2077", ["2077"]),
        ("คำสั่งซื้อ #๑๐๔๒", ["1042"]),
        ("คำสั่งซื้อหมายเลข 1042", ["1042"]),
        ("أين الطلب رقم ١٠٤٢", ["1042"]),
        ("Bestellung 1042", ["1042"]),
        ("Order #EU-1042-B", ["EU-1042-B"]),
        ("Parcel CE123456789EE is late", ["CE123456789EE"]),
        ("1Z999AA10123456784", ["1Z999AA10123456784"]),
        ("10425", ["10425"]),
        ("Sale 2026: 49.99 EUR", []),
        ("Refund 1299 EUR please", []),
        ("Call +372 5551 2345", []),
        ("10/12/2026", []),
        ("mari.1234567890@example.ee", []),
        ("Where is my order?", []),
        ("", []),
        (None, []),
    ],
)
def test_numbers_quoted_in_a_subject_are_found(subject, expected):
    assert order_refs(subject) == expected


def test_a_number_quoted_twice_is_one_reference_and_the_list_is_bounded():
    assert order_refs("#1042, order 1042, #1042!") == ["1042"]
    assert len(order_refs(" ".join(f"#{number}" for number in range(1000, 2000)))) == 10


@given(st.text(max_size=600))
def test_no_text_breaks_the_reading(text):
    assert isinstance(order_refs(text), list)
    email, phone = email_key(text), phone_key(text, "EE")
    assert email is None or email_key(email) == email
    assert phone is None or phone_key(phone) == phone
    assert key(key(text)) == key(text)


def test_keys_of_numbers_leave_out_what_people_leave_out():
    assert key("#l-5531") == "L5531"
    assert key("ce 123 456 789 ee") == "CE123456789EE"
    assert key("٥٥٣١") == "5531"
    assert number_keys("L-5531", "5531", None) == {"L5531", "5531"}
    assert number_keys("#12") == {"12"}
