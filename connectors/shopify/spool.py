"""A bulk download on disk, cut into buckets of whole orders, so that memory stays flat.

Rows of one order need not stand together: a child only never comes before its parent. So every row is
put into the bucket of its order, and buckets are read one by one.
Source: shopify.dev, "Perform bulk operations".
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct, field

from integration.errors import AppError, UnreadableAnswer

ORDER = "gid://shopify/Order/"
RETURN = "gid://shopify/Return/"
LINE = "gid://shopify/LineItem/"

ORDERS_A_BUCKET = 1000
MOST_BUCKETS = 250
"""Each is an open file while the download runs."""

_ID = re.compile(rb'"id":\s*"(gid://shopify/[A-Za-z]+/\d+)"')
_PARENT = re.compile(rb'"__parentId":\s*"(gid://shopify/[A-Za-z]+/\d+)"')


class RowKey(Struct):
    """What a row is, and under what it hangs."""

    id: str
    parent: str | None = field(name="__parentId", default=None)


_key = msgspec.json.Decoder(RowKey)


class OrderRows(Struct):
    """The rows of one order, undecoded. `order` is None if its own row is missing."""

    id: str
    order: bytes | None = None
    lines: list[bytes] = []
    returns: list[bytes] = []
    return_lines: list[tuple[str, bytes]] = []
    """With the id of their return."""


class Spool:
    """One operation's rows. `folder` is ours alone; it appears whole or not at all."""

    def __init__(self, folder: Path, buckets: int) -> None:
        self._folder, self._buckets = folder, buckets

    @property
    def is_filled(self) -> bool:
        return self._folder.is_dir()

    def fill(self, rows: Iterable[bytes]) -> None:
        """Take in all rows. A failure leaves nothing behind."""
        part = self._folder.with_name(self._folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True, mode=0o700)
            with ExitStack() as stack:
                files = [stack.enter_context((part / str(n)).open("wb")) for n in range(self._buckets)]
                # About a hundred bytes a return: the only thing here that grows with the shop.
                homes: dict[str, int] = {}
                for row in rows:
                    number = self._home(row, homes)
                    files[number].write(row)
                    files[number].write(b"\n")
            part.rename(self._folder)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise AppError(f"cannot keep the bulk file: {error.strerror}", code="disk") from error
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _home(self, row: bytes, homes: dict[str, int]) -> int:
        key = key_of(row)
        parent = key.parent
        if parent is None:
            return crc32(key.id.encode()) % self._buckets
        if not parent.startswith(ORDER):
            if (number := homes.get(parent)) is None:
                raise UnreadableAnswer("a row of the bulk file hangs under one that never came")
            return number
        number = crc32(parent.encode()) % self._buckets
        if key.id.startswith(RETURN):
            homes[key.id] = number
        return number

    def read(self, bucket: int) -> list[OrderRows]:
        """The orders of one bucket, in the order of the file."""
        orders: dict[str, OrderRows] = {}
        owners: dict[str, str] = {}
        with (self._folder / str(bucket)).open("rb") as rows:
            for line in rows:
                row = line.rstrip(b"\n")
                key = key_of(row)
                owner = key.id if key.parent is None else owners.get(key.parent, key.parent)
                group = orders.setdefault(owner, OrderRows(id=owner))
                if key.parent is None:
                    group.order = row
                elif key.id.startswith(LINE):
                    group.lines.append(row)
                elif key.id.startswith(RETURN):
                    owners[key.id] = owner
                    group.returns.append(row)
                else:
                    group.return_lines.append((key.parent, row))
        return list(orders.values())

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def key_of(row: bytes) -> RowKey:
    """A broken row still belongs to its order, if it can be told which: only that one is spoiled."""
    try:
        return _key.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        own, parent = _ID.search(row), _PARENT.search(row)
        if own is None:
            raise UnreadableAnswer(f"a row of the bulk file cannot be read ({len(row)} bytes)") from error
        return RowKey(id=own[1].decode(), parent=parent[1].decode() if parent else None)


def buckets_for(orders: int) -> int:
    return max(1, min(MOST_BUCKETS, -(-orders // ORDERS_A_BUCKET)))


def rows_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of bytes at its line ends."""
    rest = b""
    for chunk in chunks:
        *rows, rest = (rest + chunk).split(b"\n")
        yield from filter(None, rows)
    if rest.strip():
        yield rest
