"""The postman: takes webhooks out of the outbox and brings them to the app, again and again if need be.

Source: fact sheet, 5.2 (five seconds to answer, eight repeats with the original payload, no order kept).
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import httpx

from connectors.demo.shopify.bags import Doc
from connectors.demo.shopify.shop import Shop

CARRIERS = 4
LOOK = 0.05
"""How often the outbox is looked at when nobody says that something was put in, in seconds."""
TIMEOUT = httpx.Timeout(5.0, connect=1.0)


@cache
def certificates() -> ssl.SSLContext:
    """Loaded once a process, which takes longer than starting a store."""
    return ssl.create_default_context()


@dataclass(slots=True, kw_only=True)
class Mischief:
    """What happens to deliveries on the way: chances from 0 to 1, delays in seconds."""

    seed: int = 0
    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    """The longest extra wait; each delivery gets a random part of it."""
    shuffle: bool = False


class Postman:
    """One thread that looks, a few that carry. Give it every shop of the store."""

    def __init__(self, shops: list[Shop]) -> None:
        self._shops = shops
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._carriers = ThreadPoolExecutor(CARRIERS, thread_name_prefix="webhook")
        self._client = httpx.Client(timeout=TIMEOUT, trust_env=False, verify=certificates())
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)
        self._on_the_way: set[tuple[str, int]] = set()
        self._held: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self.mischief = Mischief()
        self._dice = random.Random(0)
        self.paused = False
        for shop in shops:
            shop.archive.on_post = self._wake.set

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(10)
        self._carriers.shutdown(wait=True)
        self._client.close()

    def misbehave(self, mischief: Mischief) -> None:
        self.mischief = mischief
        self._dice = random.Random(mischief.seed)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is on the way."""
        with self._lock:
            busy = bool(self._on_the_way)
        return not busy and not any(shop.archive.waiting() for shop in self._shops)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(LOOK)
            self._wake.clear()
            if not self.paused:
                for shop in self._shops:
                    self._round(shop)
        for shop in self._shops:
            shop.archive.release()

    def _round(self, shop: Shop) -> None:
        with self._lock:
            # Asked before what is due: one that arrives meanwhile would be sent once more.
            on_the_way = set(self._on_the_way)
        due = shop.archive.due(time.time())
        if self.mischief.shuffle:
            self._dice.shuffle(due)
        for delivery, address, headers, body, tries in due:
            key = (shop.domain, delivery)
            with self._lock:
                if self._stop.is_set() or key in on_the_way:
                    continue
                if self._accident(shop, key, tries):
                    continue
                self._on_the_way.add(key)
            self._carriers.submit(self._carry, shop, delivery, address, headers, body, tries)

    def _accident(self, shop: Shop, key: tuple[str, int], tries: int) -> bool:
        """Lose or hold this delivery, if mischief wants it so."""
        mischief = self.mischief
        if tries == 0 and key not in self._held and self._dice.random() < mischief.drop:
            self._note(shop, key[1], "dropped", "lost on the way")
            return True
        if mischief.delay and key not in self._held:
            self._held.add(key)
            with shop.archive.change():
                shop.archive.put_off(key[1], time.time() + self._dice.random() * mischief.delay)
            return True
        self._held.discard(key)
        return False

    def _carry(self, shop: Shop, delivery: int, address: str, headers: Doc, body: bytes, tries: int) -> None:
        try:
            answer = self._post(address, headers, body)
            if self.mischief.double and self._dice.random() < self.mischief.double:
                self._post(address, headers, body)
            if answer.startswith("2"):
                self._note(shop, delivery, "delivered", answer)
            elif tries < len(shop.conduct.retry_spacing):
                pause = shop.conduct.retry_spacing[tries]
                self._note(shop, delivery, "waiting", answer, time.time() + pause)
            else:
                self._note(shop, delivery, "failed", answer)
        finally:
            with self._lock:
                self._on_the_way.discard((shop.domain, delivery))
            self._wake.set()
            shop.archive.release()

    def _post(self, address: str, headers: Doc, body: bytes) -> str:
        try:
            return str(self._client.post(address, headers=headers, content=body).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    @staticmethod
    def _note(shop: Shop, delivery: int, state: str, answer: str, due: float = 0.0) -> None:
        with shop.archive.change():
            shop.archive.delivered(delivery, state, answer, due)
