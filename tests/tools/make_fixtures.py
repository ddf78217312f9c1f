#!/usr/bin/env python3
"""Write the made fixtures of tests/fixtures (README.md there says what each one shows).

  make_fixtures.py [DIR]        default: tests/fixtures, beside this script's folder

Stores and exports are written by memorygraph's own code; what it would never write is then added
with sqlite3 or by hand. The same bytes at every run with one version of SQLite. The copies of
files that other versions wrote (python-0.8.3.db, ...) are not made here.
"""

import asyncio
import ctypes
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import _sqlite3

import store_data as data
from make_store import open_sqlite, pin_columns, pin_time_and_ids

os.environ["MEMORY_ALLOW_CYCLES"] = "true"
os.environ.pop("MEMORY_MULTI_TENANT_MODE", None)
logging.disable(logging.CRITICAL)

AT = "2025-06-01T12:00:00+00:00"
STAMP = "2025-06-01 12:00:00"


def seed_sqlite():
    """Journals and write-ahead logs carry random salts: seed SQLite's generator (SQLITE_TESTCTRL_PRNG_SEED)."""
    ctypes.CDLL(_sqlite3.__file__).sqlite3_test_control(28, 1, None)


def memory(id, title, **more):
    p = {"id": id, "type": "general", "title": title, "content": "c", "tags": [], "importance": 0.5}
    return json.dumps({**p, "created_at": AT, "updated_at": AT, **more})


def add_nodes(conn, rows):
    """rows: (id, label, properties)"""
    conn.executemany("INSERT INTO nodes VALUES (?, ?, ?, ?, ?)", [(*row, STAMP, STAMP) for row in rows])


def plain_memories(conn, ids):
    add_nodes(conn, [(id, "Memory", memory(id, f"Memory {id}")) for id in ids])


def empty_store(path):
    """A store as memorygraph makes it, without rows; gives an open connection."""

    async def make():
        backend, _ = await open_sqlite(str(path))
        await backend.disconnect()

    asyncio.run(make())
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA secure_delete = ON")
    return conn


def in_killed_child(path, work):
    """Run work(path) in a process that SIGKILLs itself at the end: nothing is closed, nothing rolled back."""
    pid = os.fork()
    if pid == 0:
        seed_sqlite()
        work(path)
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), status


# ---- files that are no store, or a broken one -------------------------------------------------------


def not_a_database(out):
    text = "# Memories\n\nNotes kept in a text file that somebody renamed to .db.\n" * 20
    (out / "not-a-database.db").write_text(text)


def empty_file(out):
    (out / "empty-file.db").write_bytes(b"")


async def fill_plain(path, n, seed):
    """A plain store through memorygraph's own calls, as make_store.py does it."""
    import memorygraph.models as M

    pin_time_and_ids(seed)
    backend, db = await open_sqlite(str(path))
    rng = random.Random(seed)
    ids = [await db.store_memory(data.plain_memory(M, rng, i)) for i in range(n)]
    for f, t, kind, properties, _ in data.plan_relationships(M, rng, ids, 0.5, False):
        await db.create_relationship(f, t, kind, properties)
    pin_columns(backend.conn)
    backend.conn.commit()
    await backend.disconnect()


def broken_files(out):
    whole = out / "flipped-page.db"
    asyncio.run(fill_plain(whole, 30, 11))
    raw = bytearray(whole.read_bytes())
    (out / "truncated.db").write_bytes(raw[:20480])

    # the middle leaf of the table `nodes`: flip every bit of its page header
    conn = sqlite3.connect(whole)
    (root,) = conn.execute("SELECT rootpage FROM sqlite_master WHERE name = 'nodes'").fetchone()
    conn.close()
    size = 4096
    page = raw[(root - 1) * size : root * size]
    assert page[0] == 5, "nodes fits on one page"
    cells = int.from_bytes(page[3:5], "big")
    cell = int.from_bytes(page[12 + 2 * (cells // 2) :][:2], "big")
    leaf = int.from_bytes(page[cell : cell + 4], "big")
    for i in range((leaf - 1) * size, (leaf - 1) * size + 8):
        raw[i] ^= 0xFF
    whole.write_bytes(raw)


# ---- other layouts ----------------------------------------------------------------------------------


def turso(out):
    """memorygraph's Turso schema (run on sqlite3), and two rows: in practice it never managed to write one."""
    from memorygraph.backends.turso import TursoBackend

    backend = TursoBackend.__new__(TursoBackend)  # its constructor asks for libsql
    backend.sync_url = None
    backend.conn = conn = sqlite3.connect(out / "turso.db", check_same_thread=False)
    asyncio.run(backend.initialize_schema())
    conn.executemany(
        "INSERT INTO nodes VALUES (?, ?, ?, ?, NULL, NULL, 0.5, ?, ?, '[]')",
        [("t1", "solution", "Turso solution", "c", AT, AT), ("t2", "problem", "Turso problem", "c", AT, AT)],
    )
    conn.execute("INSERT INTO relationships VALUES ('r1', 't1', 't2', 'SOLVES', NULL, 0.5, 0.8, ?)", (AT,))
    conn.commit()
    conn.close()


def unknown_layout(out):
    conn = sqlite3.connect(out / "unknown-layout.db")
    conn.executescript("""
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, folder TEXT);
        CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
        INSERT INTO notes (body, folder) VALUES ('Buy milk', 'home'), ('Call the bank', NULL);
        INSERT INTO settings VALUES ('theme', 'dark');
    """)
    conn.close()


# ---- rows that the schema allows, or should not -----------------------------------------------------


def with_loose_schema(path, work):
    """Run work(conn) while the two tables declare no types and no NOT NULL, then restore their schema.
    Other programs' tables hold such values; TEXT columns would turn 42 into '42' and refuse NULL."""
    tables = {
        "nodes": "(id PRIMARY KEY, label, properties, created_at, updated_at)",
        "relationships": "(id PRIMARY KEY, from_id, to_id, rel_type, properties, created_at, valid_from,"
        " valid_until, recorded_at, invalidated_by)",
    }

    def set_schema(sql):
        conn = sqlite3.connect(path)
        kept = dict(conn.execute("SELECT name, sql FROM sqlite_master WHERE name IN ('nodes', 'relationships')"))
        conn.execute("PRAGMA writable_schema = ON")
        for name, text in sql.items():
            conn.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (text, name))
        conn.commit()
        conn.close()
        return kept

    kept = set_schema({name: f"CREATE TABLE {name} {columns}" for name, columns in tables.items()})
    conn = sqlite3.connect(path)
    work(conn)
    conn.commit()
    conn.close()
    set_schema(kept)


def odd_properties():
    """(what it is, the text) of rows whose JSON a reader may get wrong."""
    plain = lambda title: memory(title, title)
    raw = lambda title, rest: plain(title)[:-1] + ", " + rest + "}"
    yield "duplicate-keys", raw("duplicate-keys", '"title": "second", "tags": ["a"], "tags": ["b"]')
    yield "json-array", '["not", "an", "object"]'
    yield "json-string", '"just a string"'
    yield "json-null", "null"
    yield "json-empty-object", "{}"
    yield "not-json", "{'id': 'not-json', 'title': 'a Python repr'}"
    yield "empty-text", ""
    yield "trailing-newline", plain("trailing-newline") + "\n"
    yield "leading-spaces", "  \t" + plain("leading-spaces")
    yield "byte-order-mark", "\ufeff" + plain("byte-order-mark")
    yield "trailing-rubbish", plain("trailing-rubbish") + "}"
    yield "nul-after-json", plain("nul-after-json") + "\0tail"
    yield "compact", json.dumps(json.loads(plain("compact")), separators=(",", ":"))
    yield "big-integers", raw("big-integers", f'"usage_count": {2**70}, "i": 9007199254740993, "n": {-(2**63) - 1}')
    yield "huge-float", raw("huge-float", '"importance": 1e400, "effectiveness": -1e400, "tiny": 1e-400')
    yield "negative-zero", raw("negative-zero", '"importance": -0.0, "usage_count": -0')
    yield (
        "float-spellings",
        raw("float-spellings", '"a": 1E5, "b": 1.0, "c": 1.50, "d": 0.30000000000000004, "e": 5e-07'),
    )
    yield "many-digits", raw("many-digits", '"importance": 0.1234567890123456789012345678901234567890')
    yield "lone-surrogates", raw("lone-surrogates", r'"summary": "\ud83d half", "\udc00": "key too"')
    yield "nan", raw("nan", '"importance": NaN, "confidence": Infinity, "effectiveness": -Infinity')
    yield "needless-escapes", raw("needless-escapes", r'"summary": "\u0041\/\u00E9\uD83D\uDE00"')
    yield "escaped-nul", raw("escaped-nul", r'"summary": "a\u0000b"')
    yield "raw-control", raw("raw-control", '"summary": "a\nb\x01"')
    yield "deep", raw("deep", '"nested": ' + "[" * 120 + "]" * 120)
    yield "nulls", raw("nulls", '"summary": null, "effectiveness": null, "last_accessed": null')
    yield (
        "wrong-types",
        '{"id": 7, "type": ["task"], "title": null, "content": 1.5, "tags": "one,two", "created_at": 0}',
    )


def null_and_blob_ids(out):
    path = out / "null-and-blob-ids.db"
    conn = empty_store(path)
    plain_memories(conn, ["a", "b", "", "nul\0inside"])
    conn.executemany(
        "INSERT INTO nodes VALUES (?, 'Memory', ?, ?, ?)",
        [(id, text, STAMP, STAMP) for id, text in odd_properties()],
    )
    as_text = "INSERT INTO nodes VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)"
    conn.executemany(
        as_text,
        [
            (b"bad-utf8-\xff", b"Memory", memory("bad-utf8", "id is not UTF-8").encode(), STAMP, STAMP),
            (
                b"bad-utf8-label",
                b"Mem\xc3\x28ory",
                memory("bad-utf8-label", "label is not UTF-8").encode(),
                STAMP,
                STAMP,
            ),
            (b"bad-utf8-json", b"Memory", b'{"id": "bad-utf8-json", "title": "caf\xe9"}', STAMP, STAMP),
            (b"bad-utf8-surrogate", b"Memory", b'{"id": "bad-utf8-surrogate", "title": "\xed\xa0\xbd"}', STAMP, STAMP),
        ],
    )
    add_nodes(
        conn,
        [
            (None, "Memory", memory("null-1", "NULL id, one")),
            (None, "Memory", memory("null-2", "NULL id, two")),
            (None, "Memory", memory("null-2", "NULL id, two")),
            (b"\x00\xff\xfe", "Memory", memory("blob-1", "BLOB id")),
            (b"a", "Memory", memory("a", "BLOB id with the bytes of a text id")),
            (b"", "Memory", memory("blob-empty", "empty BLOB id")),
            ("blob-properties", "Memory", memory("blob-properties", "BLOB properties").encode()),
            ("blob-rubbish", "Memory", bytes(range(256))),
            ("blob-label", b"Memory", memory("blob-label", "BLOB label")),
        ],
    )
    conn.commit()
    conn.close()

    def loose(conn):
        add_nodes(
            conn,
            [
                ("integer-properties", "Memory", 42),
                ("real-properties", "Memory", -0.5),
                ("null-properties", "Memory", None),
                ("null-label", None, memory("null-label", "NULL label")),
                (7, "Memory", memory("7", "INTEGER id")),
                (2.5, "Memory", memory("2.5", "REAL id")),
            ],
        )
        good = json.dumps({"strength": 0.5, "confidence": 0.8, "created_at": AT})
        relationships = [  # id, from, to, type, properties, created_at, valid_from, valid_until, recorded_at, invalidated_by
            ("plain", "a", "b", "SOLVES", good, STAMP, AT, None, AT, None),
            ("null-from", None, "b", "SOLVES", good, STAMP, AT, None, AT, None),
            ("null-to", "a", None, "SOLVES", good, STAMP, AT, None, AT, None),
            ("null-both", None, None, "SOLVES", good, STAMP, AT, None, AT, None),
            ("blob-from", b"\x00\xff\xfe", "b", "SOLVES", good, STAMP, AT, None, AT, None),
            ("blob-to", "a", b"a", "SOLVES", good, STAMP, AT, None, AT, None),
            ("integer-ends", 7, 2.5, "SOLVES", good, STAMP, AT, None, AT, None),
            ("dangling", "a", "no-such-node", "SOLVES", good, STAMP, AT, None, AT, None),
            ("empty-end", "a", "", "SOLVES", good, STAMP, AT, None, AT, None),
            (None, "a", "b", "SOLVES", good, STAMP, AT, None, AT, None),
            (None, "a", "b", "SOLVES", good, STAMP, AT, None, AT, None),
            (b"blob-id\xff", "a", "b", "SOLVES", good, STAMP, AT, None, AT, None),
            ("null-type", "a", "b", None, good, STAMP, AT, None, AT, None),
            ("odd-type", "a", "b", "solves `it`", good, STAMP, AT, None, AT, None),
            ("array-properties", "a", "b", "SOLVES", "[1, 2]", STAMP, AT, None, AT, None),
            ("bad-properties", "a", "b", "SOLVES", "{strength: 1}", STAMP, AT, None, AT, None),
            ("null-properties", "a", "b", "SOLVES", None, STAMP, AT, None, AT, None),
            ("blob-properties", "a", "b", "SOLVES", good.encode(), STAMP, AT, None, AT, None),
            ("null-times", "a", "b", "SOLVES", good, None, None, None, None, None),
            ("number-times", "a", "b", "SOLVES", good, 1748779200, 1748779200, 1748779200.5, 2460828.0, 9),
            ("blob-times", "a", "b", "SOLVES", good, STAMP, AT.encode(), b"\xff", AT, b"\xff"),
        ]
        conn.executemany(f"INSERT INTO relationships VALUES ({', '.join('?' * 10)})", relationships)

    with_loose_schema(path, loose)


# ---- files as a writer left them --------------------------------------------------------------------


def wal_closed(out):
    """In WAL mode and closed cleanly: everything is in the main file."""
    path = out / "wal-closed.db"
    conn = empty_store(path)
    conn.execute("PRAGMA journal_mode = WAL")
    plain_memories(conn, ["w1", "w2", "w3"])
    conn.commit()
    conn.close()
    assert not path.with_name(path.name + "-wal").exists()


def wal_unclean(out):
    """Two rows in the main file, three more committed in the -wal only, no -shm."""
    path = out / "wal-unclean.db"
    conn = empty_store(path)
    plain_memories(conn, ["main-1", "main-2"])
    conn.commit()
    conn.close()

    def work(path):
        conn = sqlite3.connect(path)
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA wal_autocheckpoint = 0")
        for id in ("wal-1", "wal-2", "wal-3"):
            plain_memories(conn, [id])
            conn.commit()

    in_killed_child(path, work)
    path.with_name(path.name + "-shm").unlink()


def hot_journal(out):
    """Killed in the middle of a transaction that had spilled: the 30 titles say HALF WRITTEN until it is rolled back."""
    path = out / "hot-journal.db"
    conn = empty_store(path)
    plain_memories(conn, [f"hot-{i:02}" for i in range(30)])
    conn.commit()
    conn.close()

    def work(path):
        conn = sqlite3.connect(path)
        conn.execute("PRAGMA cache_size = 1")
        conn.execute("UPDATE nodes SET properties = replace(properties, 'Memory hot', 'HALF WRITTEN')")

    in_killed_child(path, work)


# ---- exports ----------------------------------------------------------------------------------------


async def fill_export_source(path):
    """A small store of everyday and awkward memories that memorygraph can read and export."""
    import memorygraph.models as M

    pin_time_and_ids(21)
    backend, db = await open_sqlite(str(path))
    rng, types = random.Random(21), list(M.RelationshipType)
    memories = [data.plain_memory(M, rng, i) for i in range(4)]
    memories += [data.adversarial_memory(M, rng, i, 0, True) for i in (0, 2, 3, 5, 6, 12, 23, 26, 28, 29, 39)]
    ids = [await db.store_memory(m) for m in memories]
    contexts = [None, "free text, with é", json.dumps({"text": "partially implements auth", "scope": "partial"})]
    for k in range(20):
        properties = M.RelationshipProperties(
            strength=round(rng.random(), 3),
            confidence=round(rng.random(), 3),
            context=contexts[k % 3],
            evidence_count=k,
        )
        for key in ("created_at", "last_validated", "valid_from", "recorded_at"):
            setattr(properties, key, data.nth_time(rng, 3 * k + 1))
        f, t = (ids[0], ids[1]) if k in (5, 6) else (ids[k % len(ids)], ids[(k * 4 + 1) % len(ids)])
        if f == t:
            continue
        id = await db.create_relationship(f, t, types[5] if k in (5, 6) else types[k], properties)
        if k == 9:
            await db.invalidate_relationship(id, invalidated_by="replaced-by-this")
    pin_columns(backend.conn)
    backend.conn.commit()
    await backend.disconnect()


async def export(path, out):
    from memorygraph.utils.export_import import export_to_json, export_to_markdown

    backend, db = await open_sqlite(str(path))
    await export_to_json(db, str(out / "export-2.0.json"))
    shutil.rmtree(out / "export-markdown", ignore_errors=True)
    await export_to_markdown(db, str(out / "export-markdown"))
    await backend.disconnect()


def export_1_0(out):
    """The same store as version 0.9.4 exports it (compared with its output): every relationship, with its id,
    but no memory of the type `conversation`, which it did not know."""
    conn = sqlite3.connect(out / "export-source.db")
    exported = {m["id"]: m for m in json.loads((out / "export-2.0.json").read_text())["memories"]}
    ids = [id for (id,) in conn.execute("SELECT id FROM nodes WHERE label = 'Memory' ORDER BY created_at DESC")]
    relationships = []
    for id, f, t, kind, text in conn.execute("SELECT id, from_id, to_id, rel_type, properties FROM relationships"):
        p = json.loads(text)
        kept = {k: p[k] for k in ("strength", "confidence", "context", "evidence_count")}
        relationships.append({"id": id, "from_memory_id": f, "to_memory_id": t, "type": kind, "properties": kept})
    conn.close()
    whole = {
        "export_version": "1.0",
        "export_date": "2025-12-01T08:03:57.463665",
        "memories": [exported[id] for id in ids if exported[id]["type"] != "conversation"],
        "relationships": relationships,
    }
    (out / "export-1.0.json").write_text(json.dumps(whole, indent=2))


def export_typescript(out):
    """As JSON.stringify(data, null, 2) writes it: whole numbers without a point, UTF-8 unescaped."""

    def memory(id, type, title, content, **more):
        base = {"id": id, "type": type, "title": title, "content": content, "summary": None, "tags": []}
        dates = {"created_at": "2026-11-21T08:29:52.568Z", "updated_at": "2026-11-21T08:29:52.570Z"}
        return {**base, "importance": 0.5, "confidence": 0.8, **dates, **more}

    def relationship(f, t, type, **properties):
        properties = {"strength": 0.5, "confidence": 0.8, "context": None, "evidence_count": 1, **properties}
        return {"from_memory_id": f, "to_memory_id": t, "type": type, "properties": properties}

    ids = [f"be92c6db-f17e-42b4-8966-7bfa9a7852a{i}" for i in range(4)]
    context = {
        "project_path": "/p",
        "files_involved": ["src/é.ts"],
        "languages": ["typescript"],
        "frameworks": [],
        "technologies": [],
        "additional_metadata": {"a": 1, "nested": {"list": [1, None, "x"], "empty": {}}},
    }
    structured = {"text": "partially implements auth", "scope": "partial", "components": ["auth"], "conditions": []}
    memories = [
        memory(ids[0], "solution", "Use Redis ✓ 😀", "  kept blanks \u2028 \x1b[31m \t", importance=1, context=context),
        memory(
            ids[1],
            "problem",
            "TS problem",
            'quote " backslash \\ slash / del \x7f',
            summary="short",
            tags=["redis", "fix"],
        ),
        memory(ids[2], "general", "空のタグ", "one\ntwo", confidence=0, updated_at="2026-11-21T08:30:00.000Z"),
        memory(ids[3], "general", "No context", "c", context={"languages": ["rust"]}),
    ]
    relationships = [
        relationship(ids[0], ids[1], "SOLVES", strength=0.9, context=json.dumps(structured, separators=(",", ":"))),
        relationship(ids[2], ids[0], "RELATED_TO", strength=1, evidence_count=0),
        relationship(ids[3], ids[2], "FOLLOWS", context="free text"),
    ]
    whole = {
        "format_version": "2.0",
        "export_version": "1.0",
        "export_date": "2026-11-21T08:31:00.123Z",
        "backend_type": "sqlite",
        "memory_count": len(memories),
        "relationship_count": len(relationships),
        "memories": memories,
        "relationships": relationships,
    }
    (out / "export-2.0-typescript.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False), encoding="utf-8")


def exports(out):
    source = out / "export-source.db"
    asyncio.run(fill_export_source(source))
    asyncio.run(export(source, out))
    export_1_0(out)
    export_typescript(out)


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "fixtures"
    out.mkdir(parents=True, exist_ok=True)
    made = [not_a_database, empty_file, broken_files, turso, unknown_layout, null_and_blob_ids]
    made += [wal_closed, wal_unclean, hot_journal, exports]
    names = "flipped-page turso unknown-layout null-and-blob-ids wal-closed wal-unclean hot-journal export-source"
    for old in (f"{name}.db{suffix}" for name in names.split() for suffix in ("", "-wal", "-shm", "-journal")):
        (out / old).unlink(missing_ok=True)
    for make in made:
        make(out)


if __name__ == "__main__":
    main()
