#!/usr/bin/env python3
"""Prove that memorygraph takes an SQLite file for its own: exits 0 only if every step worked.

  open_with_memorygraph.py PATH

Opens PATH with memorygraph's own backend and database (schema statements included), reads every
memory, stores one, updates it, relates an existing one to it, searches, reads what is related, and
deletes what it made. Says what it read; one memory that it cannot read is no failure, none is, if
there are any. A row with malformed JSON is one: memorygraph's every search fails on it.
"""

import asyncio
import logging
import os
import sys

from make_store import open_sqlite

WORD = "quokkasentinel"  # found in no store


def check(worked, step):
    if not worked:
        sys.exit(f"memorygraph failed to {step}")


async def use(path):
    import memorygraph.models as M

    backend, db = await open_sqlite(path)
    count = lambda table: backend.execute_sync(f"SELECT count(*) AS n FROM {table}")[0]["n"]
    before = count("nodes"), count("relationships")

    ids = [row["id"] for row in backend.execute_sync("SELECT id FROM nodes WHERE label = 'Memory'")]
    readable = []
    for id in ids:
        try:
            if await db.get_memory(id):
                readable.append(id)
        except M.MemoryError:
            pass
    check(readable or not ids, f"read any of {len(ids)} memories")

    memory = M.Memory(type=M.MemoryType.TASK, title=f"Stored {WORD}", content="first", tags=["memferry"])
    new = await db.store_memory(memory)
    stored = await db.get_memory(new)
    check(stored and stored.title == f"Stored {WORD}", "store a memory")

    stored.content = "second"
    check(await db.update_memory(stored), "update a memory")
    check((await db.get_memory(new)).content == "second", "read the updated memory")

    other = next((id for id in readable if id == id.strip()), None)  # it strips ids of relationships when it reads them
    if other is None:
        other = await db.store_memory(M.Memory(type=M.MemoryType.TASK, title="The other end", content="c"))
    check(await db.create_relationship(other, new, M.RelationshipType.RELATED_TO), "create a relationship")

    found = await db.search_memories(M.SearchQuery(query=WORD))
    check([m.id for m in found] == [new], "find the memory by a search")

    related = [m.id for m, _ in await db.get_related_memories(new)]
    check(related == [other], "read the related memory")

    for id in {new, other} - set(readable):
        check(await db.delete_memory(id), "delete a memory")
    check((count("nodes"), count("relationships")) == before, "leave the store as it was")
    await backend.disconnect()
    print(f"memorygraph read {len(readable)} of {len(ids)} memories ({before[0]} nodes, {before[1]} relationships)")


def main():
    if len(sys.argv) != 2 or not os.path.isfile(sys.argv[1]):
        sys.exit("usage: open_with_memorygraph.py PATH   (an existing file)")
    logging.disable(logging.CRITICAL)
    asyncio.run(use(sys.argv[1]))


if __name__ == "__main__":
    main()
