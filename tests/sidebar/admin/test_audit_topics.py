"""The record by topic: nothing is left out of all of them."""

from __future__ import annotations

from integration.audit_pages import PREFIXES
from sidebar.admin.audit import EVENTS


def test_each_event_that_people_read_of_belongs_to_one_topic() -> None:
    for event in EVENTS:
        topics = [topic for topic, beginnings in PREFIXES.items() if event.startswith(beginnings)]
        assert len(topics) == 1, event
