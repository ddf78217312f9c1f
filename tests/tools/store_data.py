"""What make_store.py writes: memories, relationships and left-over rows, from a seeded generator.

`M` is memorygraph.models everywhere. The order in which the generator is asked is part of the
data: a reordered line changes every store made with the same seed.
"""

import json
import uuid
from datetime import datetime, timedelta, timezone

UTC = timezone.utc
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)

WORDS = (
    "retry timeout redis cache index vector shard leader lock queue token parser schema migrate "
    "rollback deploy canary metrics trace span async future borrow lifetime trait macro module "
    "crate cargo tokio serde bincode sqlite wal page btree cursor pragma fts graph edge node "
    "cypher bolt session driver auth oauth jwt cookie cors header proxy nginx docker kube pod"
).split()

ODD_TEXT = [
    ("plain", "just ascii"),
    ("newlines", "line one\nline two\r\nline three\rline four\n\n\n  indented"),
    ("quotes", "single ' double \" back ` «guillemets» “curly” ''' \"\"\" $tag$ q'{x}'"),
    ("backslash", "C:\\path\\new\\table \\n \\t \\u0041 \\\\server\\share \\"),
    ("control", "esc[\x1b[31mred\x1b[0m] bell\x07 backspace\x08 vt\x0b ff\x0c soh\x01 us\x1f del\x7f end"),
    ("ansi-osc", "\x1b]0;owned\x07\x1b[2J\x1b[H\x9b31m title injection"),
    ("emoji", "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 👍🏽 ☃︎ ♥️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎"),
    ("rtl", "\u202eoverride\u202c שלום עולם مرحبا بالعالم \u200f\u200e mixed 123 أ"),
    ("combining", "e\u0301 vs \u00e9; Z\u0351\u036b\u0343\u036a\u0302a\u0308lgo; \u1112\u1161\u11ab vs 한"),
    ("separators", "nbsp\u00a0zwsp\u200bzwj\u200dbom\ufeff ls\u2028 ps\u2029 nel\u0085 middle"),
    ("nonchar", "\ufffe \uffff \U0010ffff \ufffd \ue000"),
    ("markup", "<script>alert(1)</script> &amp; ]]> <!-- --> {{ x }} ${y} %s %d %%"),
    ("markdown", "---\ntitle: fake\n---\n# Heading\n- [link](javascript:x)\n```rust\nfn main() {}\n```"),
    ("cypher", "'}) DETACH DELETE n // \"}) MATCH (n) SET n.x=1 RETURN `a` CYPHER x=1"),
    ("sql", "'); DROP TABLE nodes;-- \" OR 1=1 /* */ ; PRAGMA foreign_keys=ON"),
    ("json", '{"a": [1, 2, {"b": null}], "c": "\\u00e9\\n"}'),
    ("jsonish", "[not json at all"),
    ("numeric", "007"),
    ("floatish", "1e5"),
    ("boolish", "true"),
    ("nullish", "null"),
    ("nan", "NaN"),
    ("dateish", "2024-02-30T25:61:61Z"),
    ("cjk", "你好，世界。こんにちは 안녕하세요 ไทย हिन्दी বাংলা Ελληνικά Кириллица"),
    ("cyrillic-homoglyph", "раураl.com vs paypal.com"),
    ("tabs", "a\tb\t\tc \t d"),
    ("one-char", "x"),
]

TIMES = [
    datetime(2024, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
    datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC),  # no fraction
    datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 3, 1, 12, 0, 0, 120000, tzinfo=UTC),  # isoformat keeps .120000
    datetime(2024, 3, 1, 12, 0, 0, 500000, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2024, 11, 3, 1, 30, tzinfo=timezone(timedelta(hours=-8))),
    datetime(2024, 3, 1, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=2, seconds=30))),  # odd offset
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 3, 1, 12, 0, 0, 123456),  # naive (old versions)
]


def nth_time(rng, k):
    if k % 3 == 0:
        return TIMES[(k // 3) % len(TIMES)]
    return EPOCH + timedelta(microseconds=rng.randrange(0, 330 * 86400 * 10**6))


def sentence(rng, n):
    return " ".join(rng.choice(WORDS) for _ in range(n))


def plain_memory(M, rng, i):
    ctx = (
        M.MemoryContext(
            project_path=f"/home/dev/{rng.choice(WORDS)}",
            files_involved=[f"src/{rng.choice(WORDS)}.rs" for _ in range(rng.randrange(0, 4))],
            languages=["rust"],
            frameworks=[],
            technologies=[rng.choice(WORDS)],
            git_branch="main",
            timestamp=nth_time(rng, 3 * i + 1),
        )
        if i % 4
        else None
    )
    t = nth_time(rng, 3 * i + 2)
    return M.Memory(
        id=str(uuid.uuid4()),
        type=list(M.MemoryType)[i % 13],
        title=sentence(rng, 6).capitalize()[:200],
        content=". ".join(sentence(rng, rng.randrange(8, 24)) for _ in range(rng.randrange(2, 9))),
        summary=sentence(rng, 12) if i % 3 else None,
        tags=sorted({rng.choice(WORDS) for _ in range(rng.randrange(0, 5))}),
        context=ctx,
        importance=round(rng.random(), 2),
        confidence=round(rng.random(), 2),
        usage_count=rng.randrange(0, 40),
        created_at=t,
        updated_at=t,
    )


def adversarial_memory(M, rng, i, big_mb, allow_nul):
    name, text = ODD_TEXT[i % len(ODD_TEXT)]
    k = i // len(ODD_TEXT)
    types = list(M.MemoryType)
    kw = dict(
        id=str(uuid.uuid4()),
        type=types[i % len(types)],
        title=f"{name} {i}: {text}".replace("\n", " ")[:200].strip() or f"{name} {i}",
        content=f"{text} #{i} {sentence(rng, rng.randrange(0, 30))}|",
        created_at=nth_time(rng, i),
        updated_at=nth_time(rng, i + 1),
    )
    if i % 2:
        kw["summary"] = f"{text} / {sentence(rng, 5)}"[:500]
    if i % 5 == 1:
        kw["summary"] = ""  # memorygraph drops an empty summary
    kw["tags"] = [
        [],
        ["one"],
        ["  MiXeD Case ", "MIXED CASE", "dup", "dup"],
        ["with,comma", 'quote"', "back\\slash", "new\nline"],
        ["тег", "标签", "😀", "İstanbul", "ẞ"],
        ["007", "true", "null", "1.0"],
        ["a" * 100],
    ][i % 7]
    kw["importance"] = [0.0, 1.0, 0.5, 1 / 3, 0.1 + 0.2, rng.random(), 5e-7][i % 7]
    kw["confidence"] = [0.8, 0.0, 1.0, 2 / 3, rng.random(), 0.123456789012345678][i % 6]
    kw["effectiveness"] = [None, 0.0, 1.0, 0.1, rng.random()][i % 5]
    kw["usage_count"] = [0, 1, 7, 2**31, 2**53 + 1][i % 5]
    kw["last_accessed"] = [None, nth_time(rng, i + 2)][i % 2]
    kw["version"] = 1 + i % 4  # never persisted by memorygraph
    kw["updated_by"] = [None, "bob"][i % 2]  # never persisted by memorygraph
    shape = i % 6
    if shape == 0:
        ctx = None
    elif shape == 1:
        ctx = M.MemoryContext(timestamp=nth_time(rng, i + 3))  # all defaults, empty lists
    elif shape == 2:  # every field set
        ctx = M.MemoryContext(
            project_path=f"/p/{name}",
            files_involved=["a.py", f"b {text[:20]}.py", ""],
            languages=["python", "rust"],
            frameworks=["fastapi"],
            technologies=["redis", "neo4j"],
            git_commit="deadbeef" * 5,
            git_branch="feature/é",
            working_directory="C:\\work",
            timestamp=nth_time(rng, i + 3),
            session_id=f"s-{i}",
            user_id="007",
            additional_metadata={
                "k": 1,
                "f": 0.1,
                "neg": -0.0,
                "s": text,
                "t": True,
                "n": None,
                "l": [1, "a", None, [2]],
                "d": {"x": {"y": []}},
                "": "empty key",
                "big": 2**70,
            },
            tenant_id="acme-corp",
            team_id="team-7",
            visibility=["private", "project", "team", "public"][k % 4],
            created_by="alice",
        )
    elif shape == 3:
        ctx = M.MemoryContext(
            project_path="",
            git_branch="null",
            session_id="true",
            user_id="123",
            languages=[""],
            timestamp=nth_time(rng, i + 3),
        )
    elif shape == 4:
        ctx = M.MemoryContext(
            project_path="[looks like json",
            git_commit='{"also": "json"}' if i % 60 == 22 else "{not json",
            files_involved=['["x"]'],
            timestamp=nth_time(rng, i + 3),
            additional_metadata={"nan": float("nan"), "inf": float("inf"), "ninf": float("-inf"), "u": "é😀"}
            if k % 2
            else {"u": "é😀"},
        )
    else:
        ctx = M.MemoryContext(
            tenant_id="t", visibility="private", created_by="bob", user_id="bob", timestamp=nth_time(rng, i + 3)
        )
    kw["context"] = ctx
    special = {
        3: "mem id with space",
        4: "id/with/slash?and&query=1",
        5: "ÏD-😀",
        6: "007",
        7: "X" * 300,
        8: "quote'\"`\\id",
        9: "null",
    }
    if i in special:
        kw["id"] = special[i]
    if i == 10 and big_mb:
        kw["content"] = ("0123456789abcdé😀\n" * (big_mb * 1024 * 1024 // 21))[: big_mb * 1024 * 1024] + "|"
    if i == 11:
        kw["title"] = "T" * 200
    if i == 12:
        kw["title"], kw["content"] = "  padded title \u2003", "\n\n  padded content \t\n"  # memorygraph strips both
    if i == 13:
        kw["summary"] = "S" * 500
    if i == 14:
        kw["tags"] = [f"tag{j}" for j in range(200)]
    # i % 60 == 22: a context string that is valid JSON makes memorygraph unable to read the memory back
    if i == 15 and allow_nul:
        kw["content"] = "nul in the middle: a\x00b"
    if i == 16:
        kw["context"] = M.MemoryContext(files_involved=[f"f{j}.rs" for j in range(3000)], timestamp=nth_time(rng, i))
    if i in (17, 18):
        kw["title"] = kw["content"] = "identical twin"
    return M.Memory(**kw)


def plan_relationships(M, rng, ids, per_memory, adversarial):
    """Yield (from, to, type, properties, invalidate?)"""
    P, T = M.RelationshipProperties, list(M.RelationshipType)

    def props(k, full):
        base = dict(
            created_at=nth_time(rng, k),
            last_validated=nth_time(rng, k + 1),
            valid_from=nth_time(rng, k + 2),
            recorded_at=nth_time(rng, k + 3),
            strength=round(rng.random(), 3),
            confidence=round(rng.random(), 3),
        )
        if full:
            base.update(
                context=[
                    None,
                    "free text",
                    "partially implements auth module; verified by tests",
                    json.dumps(
                        {
                            "text": "é",
                            "scope": None,
                            "components": [],
                            "conditions": [],
                            "evidence": ["tests"],
                            "temporal": None,
                            "exceptions": [],
                        }
                    ),
                    "",
                    ODD_TEXT[k % len(ODD_TEXT)][1],
                ][k % 6],
                evidence_count=[1, 0, 5, 2**31][k % 4],
                success_rate=[None, 0.0, 1.0, 1 / 3][k % 4],
                validation_count=k % 9,
                counter_evidence_count=k % 3,
                strength=[0.0, 1.0, 1 / 3, rng.random()][k % 4],
                confidence=[0.8, rng.random()][k % 2],
            )
            if k % 5 == 2:
                base.update(valid_until=nth_time(rng, k + 4), invalidated_by=f"external-{k}")
        return P(**base)

    n, k = len(ids), 0
    if adversarial and n >= 60:
        for j, t in enumerate(T):
            yield ids[j], ids[j + 1], t, props(j, True), j % 7 == 3
            k += 1  # every type
        for j in range(3):
            yield ids[1], ids[2], T[0], props(100 + j, True), j == 1  # parallel edges, one invalidated
        for t in T[:5]:
            yield ids[1], ids[2], t, props(200, True), False  # several types, one pair
        yield ids[2], ids[1], T[0], props(300, True), False  # 2-cycle
        yield ids[0], ids[0], M.RelationshipType.RELATED_TO, props(301, True), False  # self loop
        for j in range(3):
            yield ids[20 + j], ids[20 + (j + 1) % 3], M.RelationshipType.DEPENDS_ON, props(302 + j, True), False
        for j in range(45):
            yield ids[30], ids[(31 + j) % n], T[j % len(T)], props(400 + j, j % 2 == 0), False  # hub: > 20 edges
    while k < int(per_memory * n):
        a, b = rng.randrange(n), rng.randrange(n)
        if a == b:
            continue
        yield ids[a], ids[b], T[rng.randrange(len(T))], props(1000 + k, adversarial), adversarial and rng.random() < 0.1
        k += 1


def plan_hub(M, rng, ids):
    """Two hubs (the first two ids), each with an edge to every other memory, and one edge of every type
    between them: more than the 20 of one memory that memorygraph's own export reads."""
    one, two, *leaves = ids
    at = dict(created_at=EPOCH, last_validated=EPOCH, valid_from=EPOCH, recorded_at=EPOCH)
    types = list(M.RelationshipType)
    for j, leaf in enumerate(leaves):
        for hub in (one, two):
            yield (
                hub,
                leaf,
                types[j % len(types)],
                M.RelationshipProperties(**at, strength=round(rng.random(), 3)),
                False,
            )
    for t in types:
        yield one, two, t, M.RelationshipProperties(**at, strength=round(rng.random(), 3)), False


# What memorygraph would not write today, but old versions and other tools leave behind.
STAMP = "2025-12-01 08:03:57"
DATES = '"created_at": "2025-12-01T08:03:57+00:00", "updated_at": "2025-12-01T08:03:57+00:00"}'


def dirty_memory(id, rest):
    return id, "Memory", f'{{"id": "{id}", {rest}', STAMP, STAMP


DIRTY_NODES = [  # id, label, properties JSON text, created_at, updated_at
    dirty_memory("dirty-naive", '"type": "task", "title": "naive times (<= 0.8.x)", "content": "c", "tags": [], "importance": 0.5, "confidence": 0.8, "usage_count": 0, "created_at": "2025-12-01T08:03:57.463665", "updated_at": "2025-12-01T08:03:57.463685"}'),
    dirty_memory("dirty-sqltime", '"type": "task", "title": "sql times", "content": "c", "tags": [], "created_at": "2025-12-01 08:03:57", "updated_at": "2025-12-01 08:03:57"}'),
    dirty_memory("dirty-z", '"type": "task", "title": "Z times", "content": "c", "tags": [], "created_at": "2025-12-01T08:03:57.463Z", "updated_at": "2025-12-01T08:03:57Z"}'),
    dirty_memory("dirty-epoch-ms", '"type": "task", "title": "updated_at = timestamp()", "content": "c", "tags": [], "created_at": "2025-12-01T08:03:57+00:00", "updated_at": 1764576237463}'),
    ("dirty-utf8", "Memory", '{"id":"dirty-utf8","type":"general","title":"raw utf-8 é😀","content":"not ascii-escaped 😀","tags":["é"],"created_at":"2025-12-01T08:03:57+00:00","updated_at":"2025-12-01T08:03:57+00:00"}', STAMP, STAMP),
    dirty_memory("dirty-surrogate", r'"type": "general", "title": "lone surrogate", "content": "half \ud83d emoji", "tags": [], ' + DATES),
    dirty_memory("dirty-nan", '"type": "general", "title": "NaN importance", "content": "c", "tags": [], "importance": NaN, "confidence": Infinity, ' + DATES),
    dirty_memory("dirty-type", '"type": "observation", "title": "type outside the enum", "content": "c", "tags": [], ' + DATES),
    dirty_memory("dirty-missing", '"type": "general", "title": "no dates, no tags", "content": "c"}'),
    dirty_memory("dirty-longtitle", f'"type": "general", "title": "{"L" * 400}", "content": "c", "tags": [], ' + DATES),
    dirty_memory("dirty-extra", '"type": "general", "title": "unknown keys", "content": "c", "tags": [], "context_function_name": "f", "context_environment": "prod", "is_current": true, "superseded_by": "x", "version": 4, "nested": {"a": [1]}, ' + DATES),
    ("dirty-idmismatch", "Memory", '{"id": "other-id", "type": "general", "title": "properties.id differs from nodes.id", "content": "c", "tags": [], ' + DATES, STAMP, STAMP),
    dirty_memory("dirty-badjson", '"type": "gen'),
    dirty_memory("dirty-dupkey", '"type": "general", "title": "first", "title": "second", "content": "c", "tags": [], ' + DATES),
    ("ent-1", "Entity", '{"id": "ent-1", "type": "file", "name": "src/app.py", "created_at": "2025-12-01T08:03:57+00:00"}', STAMP, STAMP),
    ("outcome_1764576237.463", "Outcome", '{"id": "outcome_1764576237.463", "memory_id": "dirty-z", "success": true, "description": "worked", "context": "{\'a\': 1}", "impact": 1.0}', STAMP, STAMP),
]  # fmt: skip

DIRTY_RELS = [  # id, from, to, type, properties, created_at, valid_from, valid_until, recorded_at, invalidated_by
    ("dr-entity", "dirty-z", "ent-1", "MENTIONS", '{"confidence": 0.9}', STAMP, STAMP, None, STAMP, None),
    ("dr-outcome", "dirty-z", "outcome_1764576237.463", "RESULTED_IN", "{}", STAMP, STAMP, None, STAMP, None),
    ("dr-dangling", "dirty-z", "no-such-node", "SOLVES", '{"strength": 0.5}', STAMP, STAMP, None, STAMP, None),
    ("dr-unknown-type", "dirty-z", "dirty-utf8", "FIXES", '{"strength": 0.5}', STAMP, STAMP, None, STAMP, None),
    ("dr-old-layout", "dirty-z", "dirty-naive", "SOLVES", '{"strength": 0.5, "confidence": 0.8, "context": null, "evidence_count": 1, "success_rate": null, "created_at": "2025-12-01T08:03:57.463665", "last_validated": "2025-12-01T08:03:57.463665", "validation_count": 0, "counter_evidence_count": 0, "id": "dr-old-layout"}', STAMP, STAMP, None, STAMP, None),
    ("dr-drift", "dirty-z", "dirty-utf8", "SOLVES", '{"strength": 0.5, "valid_until": null, "invalidated_by": null, "id": "dr-drift"}', STAMP, "2025-12-01T08:03:57+00:00", "2025-12-05T00:00:00+00:00", "2025-12-01T08:03:57+00:00", "dr-old-layout"),
]  # fmt: skip

# The same for the FalkorDB backends: statements and their parameters. `id` is a property there.
DIRTY_FALKORDB = [
    ("UNWIND $rows AS row CREATE (m:Memory) SET m = row", {"rows": [json.loads(row[2]) for row in DIRTY_NODES[:5]]}),
    (
        "UNWIND $rows AS row CREATE (m:Memory) SET m = row",
        {
            "rows": [
                {"id": "dirty-type", "type": "observation", "title": "type outside the enum", "content": "c"},
                {"id": "dirty-missing", "type": "general", "title": "no dates, no tags", "content": "c"},
                {"type": "general", "title": "no id", "content": "c", "tags": []},
                {"id": 7, "type": "general", "title": "an integer as id", "content": "c", "tags": []},
                {"id": "dirty-twice", "type": "general", "title": "first of two with one id", "content": "c"},
                {"id": "dirty-twice", "type": "general", "title": "second of two with one id", "content": "c"},
                {"id": "dirty-empty-lists", "type": "general", "title": "t", "content": "c", "context_languages": "[]"},
                {"id": "dirty-lists", "nested": [[1, 2.5], ["a", []]], "mixed": [1, 1.0, True, "1"], "empty": []},
                {"id": "dirty-numbers", "whole": 1.0, "minus_zero": -0.0, "large": 2**63 - 1, "small": -(2**63)},
            ]
        },
    ),
    (
        "CREATE (:Memory {id: 'dirty-native', date: date('2025-12-01'), time: localtime('08:03:57'),"
        " datetime: localdatetime('2025-12-01T08:03:57'), duration: duration('P1DT2H'),"
        " point: point({latitude: 32.5, longitude: 34.25}), vector: vecf32([0.5, -1.25, 3])})",
        {},
    ),
    ("CREATE (:Memory:`Two labels` {id: 'dirty-labels', `a key with blanks`: 1, `dotted.key`: 'x'})", {}),
    ("CREATE ({id: 'dirty-no-label'})", {}),
    ("CREATE (:Entity {id: 'ent-1', type: 'file', name: 'src/app.py'})", {}),
    ("CREATE (:Entity {text: 'no id', occurrence_count: 3})", {}),
    ("MATCH (a {id: 'dirty-z'}), (b {id: 'ent-1'}) CREATE (a)-[:MENTIONS {confidence: 0.9}]->(b)", {}),
    ("MATCH (a {id: 'dirty-z'}), (b:Entity {text: 'no id'}) CREATE (a)-[:`odd type`]->(b)", {}),
    ("MATCH (a {id: 'dirty-z'}), (b {id: 'dirty-utf8'}) CREATE (a)-[:FIXES {id: 'dr-twice', n: 1}]->(b)", {}),
    ("MATCH (a {id: 'dirty-z'}), (b {id: 'dirty-utf8'}) CREATE (a)-[:FIXES {id: 'dr-twice', n: 2}]->(b)", {}),
    ("MATCH (a {id: 'dirty-z'}), (b {id: 'dirty-utf8'}) CREATE (a)-[:SOLVES {strength: 0.5}]->(b)", {}),
    ("MATCH (a {id: 'dirty-z'}), (b {id: 'dirty-utf8'}) CREATE (a)-[:SOLVES {strength: 0.5}]->(b)", {}),
]
