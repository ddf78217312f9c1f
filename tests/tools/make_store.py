#!/usr/bin/env python3
"""Fill a memorygraph store (0.12.x, Python) with deterministic test data.

Everything goes through memorygraph's own classes (SQLiteFallbackBackend +
SQLiteMemoryDatabase, or FalkorDBLiteBackend/FalkorDBBackend + MemoryDatabase).
Exceptions, because memorygraph itself cannot do it:
  * relationships on FalkorDB(-Lite): memorygraph 0.12.4's create_relationship()
    always fails there, so they are written with backend.execute_query() in the
    encoding the TypeScript port documents (every date an ISO-8601 string, id in
    the properties, null properties absent);
  * --dirty adds what memorygraph would not write today but old versions and other
    tools leave behind;
  * --via rows (SQLite) writes the very same layout without one commit per row.

Ids, "now" and all values derive from --seed: the same arguments, the same bytes.

  make_store.py --backend sqlite --path a.db --n 200 --seed 1 --profile adversarial
  make_store.py --backend falkordblite --path /abs/b.db --n 200 --seed 1
  make_store.py --backend falkordb --host 127.0.0.1 --port 6379 --n 200

The FalkorDB backends also need `pip install falkordblite` (or falkordb).
"""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import time
import uuid
from datetime import datetime, timedelta

import store_data as data

TIMES = ("created_at", "last_validated", "valid_from", "recorded_at", "valid_until")


class Clock:
    """A clock that moves 1.000003 s at each reading."""

    def __init__(self, start=data.EPOCH + timedelta(days=400)):
        self.start, self.k = start, 0

    def read(self):
        self.k += 1
        return self.start + timedelta(seconds=self.k, microseconds=3 * self.k)


def pin_time_and_ids(seed, clock=None):
    """Make memorygraph's datetime.now() and uuid.uuid4() deterministic; gives the clock."""
    import memorygraph.backends._falkordb_shared
    import memorygraph.database
    import memorygraph.sqlite_database
    import memorygraph.utils.export_import

    clock, rng = clock or Clock(), random.Random(f"ids-{seed}")

    class PinnedDatetime(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock.read()

    for module in (
        memorygraph.sqlite_database,
        memorygraph.database,
        memorygraph.backends._falkordb_shared,
        memorygraph.utils.export_import,
    ):
        module.datetime = PinnedDatetime
    uuid.uuid4 = lambda: uuid.UUID(int=rng.getrandbits(128), version=4)
    return clock


async def open_sqlite(path):
    """memorygraph's own backend and database over a file, with its schema."""
    from memorygraph.backends.sqlite_fallback import SQLiteFallbackBackend
    from memorygraph.sqlite_database import SQLiteMemoryDatabase

    backend = SQLiteFallbackBackend(path)
    await backend.connect()
    backend.conn.execute("PRAGMA secure_delete = ON")  # no remains of changed rows: the same rows, the same bytes
    await backend.initialize_schema()
    db = SQLiteMemoryDatabase(backend)
    await db.initialize_schema()
    return backend, db


def pin_columns(conn):
    """The created_at/updated_at columns are SQLite's clock; take the dates in the JSON, in the same text form."""
    stamp = lambda iso: (iso or "2025-01-01T00:00:00").replace("T", " ")[:19]
    for id, text in conn.execute("SELECT id, properties FROM nodes").fetchall():
        p = json.loads(text)
        dates = stamp(p.get("created_at")), stamp(p.get("updated_at"))
        conn.execute("UPDATE nodes SET created_at = ?, updated_at = ? WHERE id = ?", (*dates, id))
    for id, text in conn.execute("SELECT id, properties FROM relationships").fetchall():
        created = stamp(json.loads(text).get("created_at"))
        conn.execute("UPDATE relationships SET created_at = ? WHERE id = ?", (created, id))


def memories(a, M, rng, allow_nul):
    for i in range(a.n):
        if a.profile == "adversarial":
            yield data.adversarial_memory(M, rng, i, a.big_mb, allow_nul)
        else:
            yield data.plain_memory(M, rng, i)


def relationships(a, M, rng, ids):
    if a.profile == "hub":
        return data.plan_hub(M, rng, ids)
    return data.plan_relationships(M, rng, ids, a.rels, a.profile == "adversarial")


def flat(properties):
    """RelationshipProperties as memorygraph stores them: a fresh id, dates as text."""
    d = {**properties.model_dump(), "id": str(uuid.uuid4())}
    return {k: v.isoformat() if k in TIMES and v is not None else v for k, v in d.items()}


async def fill_sqlite(a, M):
    be, db = await open_sqlite(a.path)
    rng, clock, ids, count = random.Random(a.seed), a.clock, [], 0
    for m in memories(a, M, rng, not a.no_nul):
        if a.via == "api":
            await db.store_memory(m)
        else:
            m.updated_at = clock.read()
            row = (m.id, json.dumps(M.MemoryNode(memory=m).to_neo4j_properties()))
            be.conn.execute("INSERT INTO nodes (id, label, properties) VALUES (?, 'Memory', ?)", row)
        ids.append(m.id)
    for f, t, kind, properties, invalidate in relationships(a, M, rng, ids):
        replaced_by = None if count % 2 else "rel-that-replaced-it"
        if a.via == "api":
            id = await db.create_relationship(f, t, kind, properties)
            if invalidate:
                await db.invalidate_relationship(id, invalidated_by=replaced_by)
        else:
            d = flat(properties)
            end = (clock.read().isoformat(), replaced_by) if invalidate else (d["valid_until"], d["invalidated_by"])
            be.conn.execute(
                "INSERT INTO relationships (id, from_id, to_id, rel_type, properties, valid_from, recorded_at,"
                " valid_until, invalidated_by) VALUES (?,?,?,?,?,?,?,?,?)",
                (d["id"], f, t, kind.value, json.dumps(d), d["valid_from"], d["recorded_at"], *end),
            )
        count += 1
    pin_columns(be.conn)
    if a.dirty:
        be.conn.executemany("INSERT INTO nodes VALUES (?,?,?,?,?)", data.DIRTY_NODES)
        be.conn.executemany("INSERT INTO relationships VALUES (?,?,?,?,?,?,?,?,?,?)", data.DIRTY_RELS)
    total = [be.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("nodes", "relationships")]
    be.commit()
    await be.disconnect()
    return total


async def fill_falkor(a, M):
    from memorygraph.database import MemoryDatabase

    if a.backend == "falkordblite":
        from memorygraph.backends.falkordblite_backend import FalkorDBLiteBackend

        be = FalkorDBLiteBackend(os.path.abspath(a.path))
    else:
        from memorygraph.backends.falkordb_backend import FalkorDBBackend

        be = FalkorDBBackend(a.host, a.port, a.password)
    await be.connect()
    await be.initialize_schema()
    db = MemoryDatabase(be)
    rng, ids, count = random.Random(a.seed), [], 0
    for m in memories(a, M, rng, False):
        await db.store_memory(m)
        ids.append(m.id)
    for f, t, kind, properties, invalidate in relationships(a, M, rng, ids):
        d = flat(properties)
        if invalidate:
            d["valid_until"] = a.clock.read().isoformat()
            d["invalidated_by"] = None if count % 2 else "rel-that-replaced-it"
        made = await be.execute_query(
            f"MATCH (a:Memory {{id: $f}}), (b:Memory {{id: $t}})"
            f" CREATE (a)-[r:{kind.value}]->(b) SET r = $p RETURN r.id AS id",
            {"f": f, "t": t, "p": d},
            write=True,
        )
        assert made and made[0]["id"] == d["id"]
        count += 1
    for statement, parameters in data.DIRTY_FALKORDB if a.dirty else []:
        await be.execute_query(statement, parameters, write=True)
    counts = [
        (await be.execute_query(f"MATCH {what} RETURN count(x) AS n"))[0]["n"] for what in ("(x)", "()-[x]->()")
    ]
    close = getattr(be.client, "close", None)
    await be.disconnect()
    if close and a.backend == "falkordblite":
        close()  # SHUTDOWN SAVE
    return counts


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--backend", choices=["sqlite", "falkordblite", "falkordb"], default="sqlite")
    ap.add_argument("--path", help="the file (sqlite, falkordblite)")
    ap.add_argument("--host", default="127.0.0.1")
    ap.add_argument("--port", type=int, default=6379)
    ap.add_argument("--password")
    ap.add_argument("--n", type=int, default=200, help="memories")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--rels", type=float, default=2.0, help="relationships per memory")
    ap.add_argument("--profile", choices=["plain", "adversarial", "hub"], default="adversarial")
    ap.add_argument("--big-mb", type=int, default=1, help="size of the one big adversarial memory")
    ap.add_argument("--via", choices=["api", "rows"], default="api")
    ap.add_argument("--dirty", action="store_true")
    ap.add_argument("--no-nul", action="store_true", help="no NUL character (FalkorDB cannot hold one)")
    ap.add_argument("--force", action="store_true", help="overwrite --path")
    a = ap.parse_args()
    if a.backend != "falkordb" and not a.path:
        ap.error("--path is required")
    return a


def main():
    a = arguments()
    if a.path and os.path.exists(a.path):
        if not a.force:
            sys.exit(f"{a.path} exists (use --force)")
        os.remove(a.path)
    os.environ["MEMORY_ALLOW_CYCLES"] = "true"
    logging.disable(logging.CRITICAL)
    import memorygraph.models as M

    a.clock = pin_time_and_ids(a.seed)
    start = time.time()
    n, r = asyncio.run((fill_sqlite if a.backend == "sqlite" else fill_falkor)(a, M))
    print(f"{a.backend} {a.path or a.host}: {n} nodes, {r} relationships in {time.time() - start:.1f}s")


if __name__ == "__main__":
    main()
