"""Every written case agrees in every field: the published twenty, and our own."""

import json
from pathlib import Path

import pytest

from integration.eligibility import caseform
from integration.eligibility.check import check

HERE = Path(__file__).parent


def lines(name):
    return [line for line in (HERE / name).read_text("utf-8").splitlines() if line]


def case_id(line):
    return json.loads(line)["in"]["id"]


@pytest.mark.parametrize("line", lines("published.jsonl"), ids=case_id)
def test_published_case(line):
    answer = check(caseform.read(line))

    assert answer.pop("ok") is True
    assert {"id": answer.pop("id"), **answer} == {"id": case_id(line), **json.loads(line)["expect"]}


@pytest.mark.parametrize("line", lines("cases.jsonl"), ids=case_id)
def test_own_case(line):
    answer = check(caseform.read(line))

    assert answer.pop("ok") is True
    assert {"id": answer.pop("id"), **answer} == {"id": case_id(line), **json.loads(line)["expect"]}


def test_there_are_enough_of_our_own_and_each_has_a_name():
    names = [case_id(line) for line in lines("cases.jsonl")]

    assert len(names) >= 100
    assert len(set(names)) == len(names)
