"""The server behind the driver. Replace this file by what speaks with yours; the rest of the driver may stay.

Here it is SQLite in a file. Several drivers can share the file, and agree on what it holds.
"""

import asyncio
import contextlib
import sqlite3
import threading

import grpc

from errors import Refusal, invalid_argument

# What Initialize accepts, and what it is for.
SETTINGS = {"path": "the file of the store"}

_TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    namespace TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID
"""


def check(settings: dict[str, str]) -> None:
    """Refuses settings that cannot be used and names them (LIF-03)."""
    for name in settings:
        if name not in SETTINGS:
            message = f"the setting `{name}` is not known; known are {', '.join(SETTINGS)}"
            raise invalid_argument("SETTING_INVALID", message, f"settings.{name}")
    if not settings.get("path"):
        message = f"the setting `path` is missing: {SETTINGS['path']}"
        raise invalid_argument("SETTING_INVALID", message, "settings.path")


class Store:
    """An open store. Its methods may be used by many calls at once."""

    @classmethod
    async def open(cls, settings: dict[str, str]) -> "Store":
        """Connects; what it raises becomes the answer to Lifecycle.Start."""
        return await asyncio.to_thread(cls, settings["path"])

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        with _errors():
            # Every statement is a transaction of its own.
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_TABLE)

    def version(self) -> str:
        """The version of the server."""
        return sqlite3.sqlite_version

    async def health(self) -> None:
        """Reaches out to the server; raises where it cannot be reached."""
        await self._run("SELECT 1")

    async def set(self, namespace: str, key: bytes, value: bytes) -> None:
        await self._run("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", namespace, key, value)

    async def get(self, namespace: str, key: bytes) -> bytes | None:
        rows, _ = await self._run("SELECT value FROM entries WHERE namespace = ? AND key = ?", namespace, key)
        return rows[0][0] if rows else None

    async def delete(self, namespace: str, key: bytes) -> bool:
        _, count = await self._run("DELETE FROM entries WHERE namespace = ? AND key = ?", namespace, key)
        return count > 0

    async def exists(self, namespace: str, key: bytes) -> bool:
        rows, _ = await self._run("SELECT 1 FROM entries WHERE namespace = ? AND key = ?", namespace, key)
        return bool(rows)

    async def drop(self, namespace: str) -> None:
        """Removes everything that the namespace holds."""
        await self._run("DELETE FROM entries WHERE namespace = ?", namespace)

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)

    async def _run(self, statement: str, *parameters) -> tuple[list, int]:
        """The rows of the answer, and how many rows were changed."""

        def run():
            with self._lock, _errors():
                cursor = self._connection.execute(statement, parameters)
                return cursor.fetchall(), cursor.rowcount

        # SQLite blocks, and other calls are not to wait for it. A client that waits by itself is awaited directly.
        return await asyncio.to_thread(run)


@contextlib.contextmanager
def _errors():
    """The one place where errors of the server become errors of the contract."""
    try:
        yield
    except sqlite3.Error as error:
        message = f"SQLite: {error}"
        raise Refusal(
            grpc.StatusCode.UNAVAILABLE, "BACKEND_UNAVAILABLE", message, retry_after=1, outcome="unknown"
        ) from error
