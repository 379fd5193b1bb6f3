"""Our picture of the shop's bucket: waits come before the shop has to ask for them."""

from __future__ import annotations

import pytest

from connectors.shopify.cost import RESERVE, Bucket, bucket_for


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bucket(clock: Clock) -> Bucket:
    found = Bucket(clock=clock)
    found.learn("doc", requested=200, available=1000, most=1000, rate=100)
    return found


def test_a_full_bucket_lets_everybody_pass(bucket):
    assert bucket.take("doc", reserve=RESERVE) == 0
    assert bucket.take("doc", reserve=RESERVE) == 0


def test_background_work_leaves_the_reserve_alone(bucket):
    waits = [bucket.take("doc", reserve=RESERVE) for _ in range(5)]
    assert waits == [0, 0, 0, 2, 4]
    assert bucket.take("doc", reserve=0) == 2  # the queue before it has booked the rest


def test_points_come_back_with_time(bucket, clock):
    for _ in range(3):
        bucket.take("doc", reserve=RESERVE)
    clock.seconds = 2
    assert bucket.take("doc", reserve=RESERVE) == 0


def test_the_shops_own_word_counts(bucket):
    bucket.learn("doc", requested=200, available=100, most=1000, rate=50)
    assert bucket.take("doc", reserve=0) == 2


def test_a_reserve_that_never_fits_is_cut_down(clock):
    small = Bucket(clock=clock)
    small.learn("doc", requested=300, available=500, most=500, rate=100)
    assert small.take("doc", reserve=RESERVE) == 0
    assert small.take("doc", reserve=RESERVE) == 3


def test_nonsense_about_the_size_is_not_learned(bucket):
    bucket.learn("doc", requested=200, available=1000, most=0, rate=0)
    assert bucket.take("doc", reserve=0) == 0


def test_one_shop_one_bucket():
    assert bucket_for("a") is bucket_for("a")
    assert bucket_for("a") is not bucket_for("b")
