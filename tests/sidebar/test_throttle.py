"""Tries are counted for all processes together, and by each alone while Redis is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, request
from redis import Redis

from jobs.boot import Services
from sidebar import throttle


@pytest.fixture
def counted(services: Services, redis_url: str) -> Iterator[None]:
    services.redis.close()
    services.redis = Redis.from_url(redis_url)
    yield
    services.redis.close()


def tries(app: Flask, who: str, times: int = 5) -> list[bool]:
    with app.app_context():
        return [throttle.allowed("knocking", who, times=2, seconds=60) for _ in range(times)]


def test_processes_share_one_count(counted: None, app: Flask) -> None:
    assert tries(app, "10.0.0.1") == [True, True, False, False, False]
    app.extensions.pop(throttle.EXTENSION)  # as another process, which has counted nothing itself
    assert tries(app, "10.0.0.1", 1) == [False]
    assert tries(app, "10.0.0.2", 1) == [True]


def test_the_count_ends_with_its_span(counted: None, app: Flask, services: Services) -> None:
    tries(app, "10.0.0.3")
    [key] = services.redis.keys("deskside:tries:knocking:*")
    assert 0 < services.redis.ttl(key) <= 60


def test_without_redis_each_process_counts_alone(app: Flask, clock: Any) -> None:
    assert tries(app, "10.0.0.1") == [True, True, False, False, False]
    clock.advance(timedelta(seconds=60))
    assert tries(app, "10.0.0.1", 1) == [True]


@pytest.mark.parametrize("shared", [True, False])
def test_what_one_agent_is_refused_uses_up_nobody_elses_tries(
    request: pytest.FixtureRequest, app: Flask, services: Services, shared: bool
) -> None:
    if shared:
        request.getfixturevalue("counted")

    def looks_up(agent: str) -> bool:
        mine = throttle.Limit("lookup", f"{app.name}/{agent}", 2)
        return throttle.within(mine, throttle.Limit("desk-lookup", app.name, 4), seconds=60)

    with app.app_context():
        wild = [looks_up("wild") for _ in range(6)]
        others = [looks_up("other"), looks_up("third"), looks_up("fourth")]
    assert wild == [True, True, False, False, False, False]
    assert others == [True, True, False]  # with the first two, that makes the desk's four


def test_what_is_taken_back_after_its_span_leaves_nothing(
    counted: None, app: Flask, services: Services
) -> None:
    """A count below nothing would give tries away, and have no end of its own."""
    key = throttle.Limit("knocking", "10.0.0.4", 2).key
    with app.app_context():
        throttle.Counter().take_back([key], together=True)
    assert services.redis.keys("deskside:tries:*") == []


def test_what_was_counted_alone_is_taken_back_alone(
    app: Flask, services: Services, redis_url: str, request: pytest.FixtureRequest
) -> None:
    """Redis comes back between a try and its being taken back."""
    counter, key = throttle.Counter(), throttle.Limit("knocking", "10.0.0.5", 2).key
    with app.app_context():
        tries, together = counter.count([key], 60)
        assert (tries, together) == ([1], False)
        request.getfixturevalue("counted")
        counter._alone_until = 0.0
        counter.take_back([key], together=together)
        assert services.redis.keys("deskside:tries:*") == []
        services.redis = Redis.from_url("unix:///nowhere")
        assert counter.count([key], 60).tries == [1]


def test_a_process_forgets_what_has_run_out(app: Flask, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_KEPT", 3)
    for number in range(3):
        tries(app, f"10.0.1.{number}", 3)
    clock.advance(timedelta(seconds=61))
    assert tries(app, "10.0.1.9") == [True, True, False, False, False]
    assert len(app.extensions[throttle.EXTENSION]._own) == 1


@pytest.mark.parametrize(("trusted", "who"), [(0, "127.0.0.1"), (1, "10.0.0.9"), (2, "10.0.0.8")])
def test_only_proxies_that_are_there_say_who_asks(
    services: Services, web_app: Callable[[Services], Flask], trusted: int, who: str
) -> None:
    services.settings = replace(services.settings, trusted_proxies=trusted)
    with web_app(services).test_client() as client:
        client.get("/healthz", headers={"X-Forwarded-For": "10.0.0.7, 10.0.0.8, 10.0.0.9"})
        assert request.remote_addr == who
