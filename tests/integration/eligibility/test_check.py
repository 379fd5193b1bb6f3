"""The case-file command: what it prints, how it compares, and how it says no."""

import copy
import io
import json
from pathlib import Path

import pytest

from integration.eligibility.check import check_file

HERE = Path(__file__).parent
GOOD = json.loads((HERE / "published.jsonl").read_text("utf-8").splitlines()[0])


def run(tmp_path, text):
    file = tmp_path / "cases.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    out, err = io.StringIO(), io.StringIO()
    code = check_file(file, out, err)
    return code, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def with_field(path, value):
    """The first published case with one field of `in` set (or, for `...`, taken away)."""
    case = copy.deepcopy(GOOD)
    place = case["in"]
    for name in path[:-1]:
        place = place[name]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(case)


def test_the_published_cases_agree():
    out = io.StringIO()

    assert check_file(HERE / "published.jsonl", out) == 0
    assert len(out.getvalue().splitlines()) == 20


def test_a_difference_is_named_and_exits_1(tmp_path):
    case = copy.deepcopy(GOOD)
    case["expect"]["total"] = "84.51"
    case["expect"]["lines"]["A"]["verdict"] = "refuse"
    code, [answer], err = run(tmp_path, json.dumps(case))

    assert code == 1
    assert answer["ok"] is False
    assert answer["differs"] == {
        "lines.A.verdict": {"expected": "refuse", "got": "accept"},
        "total": {"expected": "84.51", "got": "84.50"},
    }
    assert err == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lines", {"Z": {"verdict": "accept"}}),
        ("lines", []),
        ("total", "much"),
        ("total", None),
        ("due", None),
        ("nonsense", 1),
        ("nonsense", None),
        ("nonsense", 1.5),
    ],
)
def test_any_other_expectation_differs(tmp_path, name, value):
    case = copy.deepcopy(GOOD)
    case["expect"] = {name: value}
    code, [answer], _ = run(tmp_path, json.dumps(case))

    assert (code, answer["ok"]) == ((0, True) if (name, value) == ("nonsense", None) else (1, False))


def test_amounts_are_compared_by_value_and_absent_names_by_meaning(tmp_path):
    case = copy.deepcopy(GOOD)
    case["expect"] = {"total": "84.5", "restock": "0.00", "keep_item": False, "tenders": {}, "items": 80}
    case["expect"]["lines"] = {"A": {"policy_estimated": False, "refused_qty": 0, "law_note": None}}
    code, [answer], _ = run(tmp_path, json.dumps(case))

    assert (code, answer["ok"]) == (0, True)


def test_without_expect_nothing_is_compared(tmp_path):
    code, [answer], _ = run(tmp_path, "\n" + json.dumps({"in": GOOD["in"]}) + "\r\n\n")

    assert code == 0
    assert "ok" not in answer
    assert answer["id"] == "P01"
    assert answer["total"] == "84.50"


def test_a_bad_case_names_line_and_field_and_the_others_are_still_judged(tmp_path):
    bad = with_field(["lines", 0, "net"], "eighty")
    code, answers, err = run(tmp_path, f"{json.dumps(GOOD)}\n{bad}\n{json.dumps(GOOD)}\n")

    assert code == 2
    assert [answer["id"] for answer in answers] == ["P01", "P01"]
    assert "line 2: in.lines[0].net: not a decimal amount" in err


def test_a_file_that_cannot_be_read_exits_2(tmp_path):
    out, err = io.StringIO(), io.StringIO()

    assert check_file(tmp_path / "nothing.jsonl", out, err) == 2
    assert "cannot be read" in err.getvalue()
    assert run(tmp_path, b"\xff\xfe")[0] == 2


def test_an_unknown_name_is_reported_and_not_used(tmp_path):
    code, _, err = run(tmp_path, with_field(["lines", 0, "finalsale"], 1))

    assert code == 0
    assert "line 1: in.lines[0].finalsale: unknown name" in err


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "1", "null", '{"in":1}', "{}", '{"in":{},"expect":1}', "[" * 100_000, '{"in":{"a":NaN}}'],
)
def test_what_is_not_a_case_exits_2(tmp_path, text):
    code, answers, err = run(tmp_path, text)

    assert (code, answers) == (2, [])
    assert "line 1: " in err


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["country"], ..., "in.country"),
        (["country"], "", "in.country"),
        (["country"], True, "in.country"),
        (["tz"], ..., "in.tz"),
        (["tz"], "Mars/Base", "in.tz"),
        (["tz"], "../../etc/passwd", "in.tz"),
        (["cur"], "EURO", "in.cur"),
        (["ordered"], ..., "in.ordered"),
        (["ordered"], "2026-02-30", "in.ordered"),
        (["ordered"], "0001-01-01T00:00:00+14:00", "in.ordered"),
        (["notice"], ..., "in.notice"),
        (["notice"], 5, "in.notice"),
        (["notice"], "soon", "in.notice"),
        (["reason"], "because", "in.reason"),
        (["buyer"], "robot", "in.buyer"),
        (["informed"], "perhaps", "in.informed"),
        (["informed"], "2026-99-99", "in.informed"),
        (["th_exempt"], "perhaps", "in.th_exempt"),
        (["order_discount"], "-1", "in.order_discount"),
        (["ship"], 5, "in.ship"),
        (["ship", "paid"], "1e3", "in.ship.paid"),
        (["pay"], {}, "in.pay"),
        (["pay"], [["visa"]], "in.pay[0]"),
        (["pay"], [["visa", "x"]], "in.pay[0]"),
        (["policy"], ..., "in.policy"),
        (["policy"], [], "in.policy"),
        (["policy", "window"], -1, "in.policy.window"),
        (["policy", "window"], True, "in.policy.window"),
        (["policy", "window"], 99_999, "in.policy.window"),
        (["policy", "start"], "payment", "in.policy.start"),
        (["policy", "restock_pct"], "ten", "in.policy.restock_pct"),
        (["policy", "restock_pct"], [], "in.policy.restock_pct"),
        (["policy", "restock_pct"], "0.001", "in.policy.restock_pct"),
        (["policy", "restock_pct"], "Infinity", "in.policy.restock_pct"),
        (["policy", "restock_pct"], 2000, "in.policy.restock_pct"),
        (["policy", "label_fee"], [], "in.policy.label_fee"),
        (["policy", "holiday"], {"from": "2026-01-01"}, "in.policy.holiday.to"),
        (["policy", "holiday"], {"from": "2026-01-01T10:00:00"}, "in.policy.holiday.from"),
        (["lines"], ..., "in.lines"),
        (["lines"], [], "in.lines"),
        (["lines"], [1], "in.lines[0]"),
        (["lines", 0, "id"], ..., "in.lines[0].id"),
        (["lines", 0, "qty"], 0, "in.lines[0].qty"),
        (["lines", 0, "qty"], 1.5, "in.lines[0].qty"),
        (["lines", 0, "ret"], -1, "in.lines[0].ret"),
        (["lines", 0, "net"], ..., "in.lines[0].net"),
        (["lines", 0, "net"], True, "in.lines[0].net"),
        (["lines", 0, "net"], "9" * 16, "in.lines[0].net"),
        (["lines", 0, "net"], "9" * 15, "in.lines[0].net"),
        (["lines", 0, "kind"], "house", "in.lines[0].kind"),
        (["lines", 0, "deliv"], "2026-03-02", "in.lines[0].deliv"),
        (["lines", 0, "deliv"], ["x"], "in.lines[0].deliv[0]"),
        (["lines", 0, "seal"], "wax", "in.lines[0].seal"),
        (["lines", 0, "unsealed"], "maybe", "in.lines[0].unsealed"),
        (["lines", 0, "gift_parent"], "Z", "in.lines[0].gift_parent"),
        (["lines", 0, "gift_parent"], "A", "in.lines[0].gift_parent"),
        (["lines", 0, "policy"], "7", "in.lines[0].policy"),
        (["lines", 0, "policy"], {"window": "x"}, "in.lines[0].policy.window"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(tmp_path, path, value, place):
    code, answers, err = run(tmp_path, with_field(path, value))

    assert (code, answers) == (2, [])
    assert err.startswith(f"{tmp_path / 'cases.jsonl'}: line 1: {place}: ")


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999"])
def test_a_huge_exponent_is_refused_at_once(tmp_path, number):
    code, _, err = run(tmp_path, with_field(["lines", 0, "net"], 12345).replace("12345", number))

    assert code == 2
    assert "in.lines[0].net: not a decimal amount" in err


def test_two_lines_of_one_id_are_refused(tmp_path):
    code, _, err = run(tmp_path, with_field(["lines"], [*GOOD["in"]["lines"], *GOOD["in"]["lines"]]))

    assert code == 2
    assert "in.lines[0].id: used twice" in err


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["lines", 0, "net"], 80),
        (["reason"], "UNWANTED"),
        (["buyer"], "unknown"),
        (["informed"], "yes"),
        (["notice"], "2026-03-16T10:00:00"),
        (["notice"], "2026-03-16"),
        (["lines", 0, "unsealed"], "unknown"),
        (["policy", "holiday"], [{"from": "2026-01-01", "to": "2026-01-02", "until": "2026-01-03"}]),
        (["pay"], [["visa", "84.50"]]),
    ],
)
def test_other_ways_of_writing_the_same_case(tmp_path, path, value):
    code, [answer], err = run(tmp_path, with_field(path, value))

    assert (code, answer["ok"], err) == (0, True, "")


def test_a_line_may_name_the_version_of_the_orders_policy(tmp_path):
    case = json.loads(with_field(["policy", "version"], 3))
    case["in"]["lines"][0]["policy"] = "3"

    assert run(tmp_path, json.dumps(case))[0] == 0


def test_two_cards_of_one_name_are_added_up(tmp_path):
    case = json.loads(with_field(["pay"], [["visa", "42.25"], ["visa", "42.25"]]))
    case["expect"] = {"tenders": {"visa": "84.50"}}

    assert run(tmp_path, json.dumps(case))[0] == 0


def test_decimal_numbers_are_exact(tmp_path):
    text = with_field(["lines", 0, "net"], 12345).replace("12345", "80.005")
    code, [answer], _ = run(tmp_path, text)

    assert code == 1
    assert answer["items"] == "80.01"


def test_an_expected_decimal_number_can_be_printed(tmp_path):
    case = copy.deepcopy(GOOD)
    case["expect"] = {"due": 1.5}
    _, [answer], _ = run(tmp_path, json.dumps(case))

    assert answer["differs"]["due"] == {"expected": "1.5", "got": "2026-03-30"}


def test_what_no_console_can_write_is_escaped(tmp_path):
    case = copy.deepcopy(GOOD)
    case["in"]["id"] = "\ud800"
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(case))
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    assert check_file(file, out) == 0
    out.flush()
    assert out.buffer.getvalue().startswith(b'{"id": "\\ud800"')
