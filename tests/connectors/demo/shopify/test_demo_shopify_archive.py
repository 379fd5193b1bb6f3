"""The demo shop's memory, used by many threads at once."""

from __future__ import annotations

import threading
from pathlib import Path

from connectors.demo.shopify.archive import Archive

READERS = 4
ROUNDS = 40


def test_closing_while_others_read_ends_no_process(tmp_path: Path) -> None:
    filled = Archive(tmp_path / "shop.sqlite", 1)
    with filled.change():
        filled._db.execute("CREATE TABLE much (n, said)")
        filled._db.executemany("INSERT INTO much VALUES (?, ?)", ((n, "x" * 200) for n in range(3000)))
    filled.close()

    for _ in range(ROUNDS):
        archive = Archive(tmp_path / "shop.sqlite", 1)
        closed = threading.Event()
        read: list[int] = []
        reading = threading.Barrier(READERS + 1)

        def reader(
            archive: Archive = archive,
            closed: threading.Event = closed,
            reading: threading.Barrier = reading,
            read: list[int] = read,
        ) -> None:
            rows = archive._db
            reading.wait()
            while not closed.is_set():
                rows.execute("SELECT * FROM much WHERE said LIKE '%y%' OR n % 7 = 3").fetchall()
                read.append(1)
            archive.release()

        threads = [threading.Thread(target=reader) for _ in range(READERS)]
        for thread in threads:
            thread.start()
        reading.wait()
        archive.close()
        closed.set()
        for thread in threads:
            thread.join()
        assert archive._open == []
