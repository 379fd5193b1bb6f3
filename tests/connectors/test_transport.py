"""Retries, circuit, limits and error words of the way out, with a clock that tests turn by hand."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from connectors import transport
from connectors.transport import Answer, Broken, Circuit, CircuitOpen, Line, Unreachable
from integration.errors import (
    RateLimited,
    StoreDenied,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
    UnreadableAnswer,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit("test", threshold=3, rest=10, longest=30, clock=clock)


@pytest.fixture
def line(circuit: Circuit, clock: Clock) -> Line:
    return Line("test", "shop", attempts=3, circuit=circuit, sleep=clock.sleep, chance=lambda: 0.5)


class Attempts:
    """Raises what it was given, in order, then answers; remembers how often it was asked."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_a_read_is_repeated_until_it_succeeds_with_growing_pauses(line, clock):
    attempts = Attempts(StoreUnavailable("503"), httpx.ReadTimeout("slow"))
    assert line.read(attempts) == "answer"
    assert attempts.made == 3
    assert clock.slept == [0.30, 0.55]


def test_a_read_is_given_up_after_the_last_attempt(line):
    attempts = Attempts(*[StoreUnavailable("503")] * 9)
    with pytest.raises(StoreUnavailable, match="503"):
        line.read(attempts)
    assert attempts.made == 3


def test_a_change_is_sent_once_whatever_happens(line):
    attempts = Attempts(httpx.ReadTimeout("slow"))
    with pytest.raises(StoreUnavailable) as caught:
        line.once(attempts)
    assert attempts.made == 1
    assert not isinstance(caught.value, RateLimited), "unclear: it may have been done"


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
def test_what_never_left_the_house_is_certainly_not_done(line, error):
    with pytest.raises(Unreachable):
        line.once(Attempts(error))


def test_what_breaks_inside_the_store_is_tried_only_twice(line):
    attempts = Attempts(*[Broken("one order of fifty")] * 9)
    with pytest.raises(Broken):
        line.read(attempts)
    assert attempts.made == 2


def test_a_read_waits_as_long_as_the_store_asks(line, clock):
    assert line.read(Attempts(RateLimited("429", wait=7))) == "answer"
    assert clock.slept == [7.30]


def test_a_wait_that_is_too_long_is_left_to_the_caller(line, clock):
    with pytest.raises(RateLimited) as caught:
        line.read(Attempts(RateLimited("429", wait=3600)))
    assert (caught.value.wait, clock.slept) == (3600, [])


@pytest.mark.parametrize("error", [StoreDenied("401"), StoreForbidden("403"), StoreRefused("422")])
def test_a_plain_no_is_not_repeated(line, error):
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        line.read(attempts)
    assert attempts.made == 1


def test_a_store_that_keeps_failing_is_left_alone_then_probed(circuit, clock):
    line = Line("test", "sick", attempts=1, circuit=circuit, sleep=clock.sleep)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            line.read(Attempts(StoreUnavailable("503")))
    unasked = Attempts()
    with pytest.raises(CircuitOpen) as caught:
        line.read(unasked)
    assert (unasked.made, caught.value.wait) == (0, 10)

    clock.seconds += 10
    with pytest.raises(StoreUnavailable):
        line.read(Attempts(StoreUnavailable("503")))  # the probe fails: twice the rest
    with pytest.raises(CircuitOpen) as caught:
        line.read(unasked)
    assert (unasked.made, caught.value.wait) == (0, 20)

    clock.seconds += 20
    assert line.read(Attempts()) == "answer"
    assert not circuit.is_open
    assert line.read(Attempts()) == "answer"


def test_only_one_call_probes_at_a_time(circuit, clock):
    for _ in range(3):
        circuit.failed()
    clock.seconds += 10
    circuit.admit()
    with pytest.raises(CircuitOpen):
        circuit.admit()


def test_a_store_that_says_no_or_wait_is_not_sick(circuit, line):
    noes = [StoreRefused("422"), RateLimited("429", wait=0), Broken("one order of fifty")]
    for error in noes * 5:
        with pytest.raises(type(error)):
            line.once(Attempts(error))
    assert not circuit.is_open


def test_clients_of_one_store_share_its_circuit_and_others_do_not():
    assert transport.circuit_for("x", "a") is transport.circuit_for("x", "a")
    assert transport.circuit_for("x", "a") is not transport.circuit_for("x", "b")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, UnreadableAnswer, "unreadable_answer"),
        (400, StoreRefused, "store_refused"),
        (401, StoreDenied, "store_denied"),
        (402, StoreForbidden, "shop_frozen"),
        (403, StoreForbidden, "store_forbidden"),
        (404, StoreRefused, "not_found"),
        (408, StoreUnavailable, "store_unavailable"),
        (423, StoreForbidden, "shop_locked"),
        (429, RateLimited, "rate_limited"),
        (430, RateLimited, "rate_limited"),
        (500, StoreUnavailable, "store_unavailable"),
        (540, StoreUnavailable, "store_unavailable"),
    ],
)
def test_each_status_has_one_error(status: int, error: type[StoreError], code: str):
    found = transport.refused(Answer(status=status, headers={}, body=b""), now=lambda: NOW)
    assert type(found) is error
    assert found.code == code


def test_2xx_is_no_error():
    assert transport.refused(Answer(status=201, headers={}, body=b""), now=lambda: NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("2.5", 2.5), ("Sat, 21 Nov 2026 12:00:09 GMT", 9), ("", 1), ("soon", 1), ("-3", 0)],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float):
    assert transport.retry_after({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"<html>We are down</html>"),
        ("application/json", b'{"orders": ['),
        ("application/json", b'{"a": "\xff"}'),
        ("", b"<br />Warning: in functions.php{}"),
        ("application/json", b""),
    ],
)
def test_what_is_not_json_is_unreadable(kind: str, body: bytes):
    with pytest.raises(UnreadableAnswer):
        transport.json_body(Answer(status=200, headers={"content-type": kind}, body=body))


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/problem+json", ""])
def test_json_is_read_under_its_several_names(kind: str):
    assert transport.json_body(Answer(status=200, headers={"content-type": kind}, body=b"[1]")) == [1]


class Endless(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):  # the client has heard enough
            for _ in range(64):
                self.wfile.write(b"x" * 1024)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def endless():
    server = HTTPServer(("127.0.0.1", 0), Endless)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_answer_longer_than_allowed_is_cut_off(endless: str):
    bounded = transport.new_transport(most_bytes=10_000)
    with transport.new_client(transport=bounded) as client, pytest.raises(httpx.ReadError, match="too long"):
        client.get(endless)


def test_an_answer_that_trickles_too_long_is_given_up(endless: str):
    ticks = iter(range(0, 100_000, 61))
    bounded = transport.BoundedTransport(
        httpx.HTTPTransport(), most_bytes=10**6, longest=60, clock=lambda: next(ticks)
    )
    with transport.new_client(transport=bounded) as client, pytest.raises(httpx.ReadTimeout):
        client.get(endless)


def test_the_operators_own_certificate_authorities_are_used(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/one.pem")
    assert transport.ca_bundle() == "/etc/one.pem"
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/two.pem")
    assert transport.ca_bundle() == "/etc/two.pem"
