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
