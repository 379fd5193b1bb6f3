"""What the pane and the letters write: names, sums."""

from __future__ import annotations

import pytest

from integration.money import Money
from sidebar.formats import first_name, is_company, money_text

LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("", ""),
        ("Kadri Tamm", "Kadri"),
        ("Mr. John Smith", "John"),
        ("Drew Barry", "Drew"),
        ("J. Smith", "J. Smith"),
        ("นายสมชาย ใจดี", "สมชาย"),
        ("นางสาวสมหญิง รักดี", "สมหญิง"),
        ("คุณ สมชาย", "สมชาย"),
        ("คุณากร วงศ์", "คุณากร"),
        ("عبد الله محمد", "عبد الله"),
        ("عبدالله محمد", "عبدالله"),
        ("Abdul Rahman Ali", "Abdul Rahman"),
        ("Kadri", "Kadri"),
        ("Tamm, Kadri", "Kadri"),
        ("Tamm, Kadri Liis", "Kadri"),
        ("Tamm,Kadri", "Kadri"),
        ("Tamm,", "Tamm"),
        (", Kadri", "Kadri"),
        (",", ""),
        ("Smith, Dr. John", "John"),
        ("الأحمد، محمد", "محمد"),
        ("John Smith, PhD", "John"),
        ("John Smith, Jr.", "John"),
        ("Prof. Dr. Anna Schmidt", "Anna"),
        ("ดร.สมชาย ใจดี", "สมชาย"),
        ("Dna. Ioana Popescu", "Ioana"),
        ("السيدة فاطمة علي", "فاطمة"),
        ("KADRI TAMM", "Kadri"),
        ("TAMM, ANN-MARI", "Ann-Mari"),
        ("ȘTEFAN POPESCU", "Ștefan"),
        ("kadri tamm", "Kadri"),
        ("ABDUL RAHMAN ALI", "Abdul Rahman"),
        ("JJ Smith", "JJ"),
        ("AJ SMITH", "AJ"),
        ("J. SMITH", "J. Smith"),
        ("kadri@example.ee", "kadri@example.ee"),
        ("LUMI OÜ", "LUMI OÜ"),
        ("OÜ Lumi Kodu", "OÜ Lumi Kodu"),
        ("Acme, Inc.", "Acme, Inc."),
        ("S.C. Casa Verde S.R.L.", "S.C. Casa Verde S.R.L."),
        ("บริษัท ลูมิ จำกัด", "บริษัท ลูมิ จำกัด"),
        ("شركة النور للتجارة", "شركة النور للتجارة"),
        ("บริษัทลูมิจำกัด", "บริษัทลูมิจำกัด"),
        ("-", ""),
        (". .", ""),
        ("\u200f", ""),
        ("\u200fد. أحمد علي\u200f", "أحمد"),
        ("🎉 Kadri Tamm", "Kadri"),
        ("Mr.", ""),
        ("คุณ", ""),
        ("Kadri Tamm, Mrs", "Kadri"),
        ("Mr & Mrs Smith", "Mr & Mrs Smith"),
        ("Mr and Mrs Smith", "Mr and Mrs Smith"),
        ("İSMAİL YILMAZ", "İsmail"),
    ],
)
def test_people_are_called_by_a_whole_first_name_and_no_title(name, called):
    assert first_name(name) == called


@pytest.mark.parametrize(
    ("currency", "language", "written"),
    [
        ("RON", "en", "RON\xa012.50"),
        ("AED", "th", "AED\xa012.50"),
        ("EUR", "en", "€12.50"),
        ("USD", "en", "US$12.50"),
        ("RON", "ro", "12,50\xa0RON"),
    ],
)
def test_a_currency_code_stands_apart_from_its_number(currency, language, written):
    assert money_text(Money(1250, currency), language) == written


def test_a_minus_stands_left_of_its_number_in_every_direction() -> None:
    """Alone it would go to the end of a line that runs from right to left."""
    less = Money(-16_340, "EUR")
    assert money_text(less, "en") == "-€163.40"
    assert money_text(less, "ar") == f"{RIGHT_TO_LEFT}{LEFT_TO_RIGHT}-163.40\u00a0€"
    assert money_text(Money(16_340, "EUR"), "ar") == f"{RIGHT_TO_LEFT}163.40\u00a0€"


def test_thai_writes_a_companys_name_without_spaces():
    assert is_company("บริษัทลูมิจำกัด")
    assert not is_company("สมชาย ใจดี")
    assert not is_company("\u200f")
