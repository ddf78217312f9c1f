#!/usr/bin/env python3
"""Write assets/sample.db, the store that `memferry demo` migrates, through memorygraph's own classes.

  make_sample.py [PATH]        default: assets/sample.db of this repository

What it holds is in sample_data.py. The same bytes at every run with one version of SQLite.
"""

import asyncio
import json
import logging
import os
import random
import sys
from datetime import timedelta
from pathlib import Path

from make_store import open_sqlite, pin_columns, pin_time_and_ids
from sample_data import END, MEMORIES, PROJECTS, RELATIONSHIPS


class SetClock:
    """A clock that somebody sets: memorygraph writes what it says as `now`."""

    now = END

    def read(self):
        return self.now


def days_ago(rng, days):
    """A moment of a working day, no later than END."""
    return END - timedelta(days=days, seconds=rng.randrange(8 * 3600), microseconds=rng.randrange(10**6))


FOLDERS = {"orders": "orders/{}.py", "web": "src/{}.ts", "tide": "src/{}.rs"}


def context(M, rng, kind, project, key, at):
    """None for what belongs to no project, and for most that changed no file."""
    changed = kind in ("fix", "solution", "file_context")
    if project is None or not changed and rng.random() < 0.8:
        return None
    return M.MemoryContext(
        **PROJECTS[project],
        files_involved=[FOLDERS[project].format(key)] if changed else [],
        git_branch=rng.choice(["main", f"fix/{key}"]) if changed else None,
        session_id=f"s-{rng.getrandbits(32):08x}" if rng.random() < 0.4 else None,
        timestamp=at,
        additional_metadata={"turn": rng.randrange(1, 90)} if rng.random() < 0.3 else {},
    )


async def store_memories(M, rng, clock, db):
    ids, dates = {}, {}
    for key, kind, project, days, title, content, tags in sorted(MEMORIES, key=lambda m: -m[3]):
        created = days_ago(rng, days)
        used = rng.randrange(0, 24)
        later = lambda: created + (END - created) * rng.random()
        clock.now = later() if rng.random() < 0.3 else created + timedelta(milliseconds=3)
        memory = M.Memory(
            type=M.MemoryType(kind),
            title=title,
            content=content,
            summary=content.split(". ")[0].rstrip(".") if kind == "workflow" else None,
            tags=tags.split(),
            context=context(M, rng, kind, project, key, created),
            importance=round(rng.uniform(0.3, 1.0), 2),
            confidence=round(rng.uniform(0.6, 1.0), 2),
            effectiveness=round(rng.uniform(0.5, 1.0), 2) if kind in ("solution", "fix", "command") else None,
            usage_count=used,
            last_accessed=later() if used else None,
            created_at=created,
        )
        ids[key], dates[key] = await db.store_memory(memory), created
    return ids, dates


async def store_relationships(M, rng, clock, db, ids, dates):
    replaced = None  # a relationship that the next line replaces, and when
    for line in RELATIONSHIPS.strip().splitlines():
        text, _, note = line.partition(" | ")
        words = text.split()
        until = END - timedelta(days=int(words.pop(0)[1:])) if words[0].startswith("-") else None
        f, kind, t = words
        clock.now = at = (
            replaced[1] if replaced else max(dates[f], dates[t]) + timedelta(seconds=rng.randrange(20, 900))
        )
        checks = rng.randrange(0, 6)
        about = {"text": note, "scope": None, "components": [], "conditions": [], "evidence": []}
        id = await db.create_relationship(
            ids[f],
            ids[t],
            M.RelationshipType(kind),
            M.RelationshipProperties(
                strength=round(rng.uniform(0.4, 1.0), 2),
                confidence=round(rng.uniform(0.6, 1.0), 2),
                context=(note if rng.random() < 0.6 else json.dumps(about)) if note else None,
                evidence_count=1 + rng.randrange(0, 5),
                success_rate=round(rng.uniform(0.7, 1.0), 2) if kind in ("SOLVES", "EFFECTIVE_FOR") else None,
                validation_count=checks,
                counter_evidence_count=int(rng.random() < 0.1),
                created_at=at,
                last_validated=at + (END - at) * rng.random() if checks else at,
                valid_from=at,
                recorded_at=at,
            ),
        )
        if replaced:
            await db.invalidate_relationship(replaced[0], invalidated_by=id)
        replaced = (id, until) if until else None


async def make(path):
    import memorygraph.models as M

    rng, clock = random.Random("sample"), SetClock()
    pin_time_and_ids("sample", clock)
    backend, db = await open_sqlite(str(path))
    ids, dates = await store_memories(M, rng, clock, db)
    await store_relationships(M, rng, clock, db, ids, dates)
    pin_columns(backend.conn)
    backend.conn.commit()
    backend.conn.execute("VACUUM")
    await backend.disconnect()


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "assets" / "sample.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.environ["MEMORY_ALLOW_CYCLES"] = "true"
    os.environ.pop("MEMORY_MULTI_TENANT_MODE", None)
    logging.disable(logging.CRITICAL)
    asyncio.run(make(path))


if __name__ == "__main__":
    main()
