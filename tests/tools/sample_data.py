"""The memories and relationships of assets/sample.db: a year of one developer's agent, three projects.

make_sample.py writes them. MEMORIES: key, type, project, days before END, title, content, tags.
RELATIONSHIPS: one line each, "from TYPE to | context"; a leading "-N" says that it stopped being
true N days before END, and the line after it replaces it.
"""

from datetime import datetime, timezone

END = datetime(2026, 11, 20, 17, 30, tzinfo=timezone.utc)

PROJECTS = {
    "orders": dict(
        project_path="/home/mara/code/orders-api",
        languages=["python", "sql"],
        frameworks=["fastapi", "sqlalchemy"],
        technologies=["postgresql", "redis"],
        tenant_id="harbor",
        team_id="checkout",
        visibility="team",
    ),
    "web": dict(
        project_path="/home/mara/code/harbor-web",
        languages=["typescript"],
        frameworks=["react", "vite"],
        technologies=["playwright"],
        tenant_id="harbor",
        team_id="storefront",
        visibility="team",
    ),
    "tide": dict(
        project_path="/home/mara/src/tide",
        languages=["rust"],
        technologies=["sqlite", "tokio"],
        visibility="public",
    ),
    "home": dict(visibility="private"),
}

MEMORIES = [
    # ---- orders-api ----
    ("orders", "project", "orders", 352, "orders-api: the service behind checkout",
     "FastAPI on PostgreSQL 16, Redis for carts and locks. Deployed from main every weekday at 10:00 and 15:00 Europe/Zurich. Owners: Mara, Jonas, 田中さん.", "project overview"),
    ("pg", "technology", "orders", 350, "PostgreSQL 16, one primary and two replicas",
     "Writes go to the primary only. Replica lag is usually under 200 ms, but up to 8 s during the nightly export.", "postgres infrastructure"),
    ("redis", "technology", "orders", 349, "Redis 7 holds carts and short locks",
     "Nothing in Redis may be the only copy. Eviction policy is allkeys-lru, so every key needs a way to be rebuilt.", "redis cache"),
    ("double", "problem", "orders", 301, "Customers charged twice when the payment provider is slow",
     "The client retries after 10 s, the first request is still running, and both reach the provider. 14 cases last week, all above 9.8 s.", "payments retry incident"),
    ("idem", "solution", "orders", 299, "Idempotency key per checkout attempt",
     "The client makes a UUID per attempt, the API stores it with a unique index before it calls the provider, and a repeat returns the stored result. No double charge since.", "payments idempotency"),
    ("idemfix", "fix", "orders", 298, "Unique index on payment_attempts(idempotency_key)",
     "CREATE UNIQUE INDEX CONCURRENTLY; the insert uses ON CONFLICT DO NOTHING and reads the winner back in the same transaction.", "postgres payments"),
    ("lockfail", "error", "orders", 287, "redis.exceptions.LockNotOwnedError on releasing a cart lock",
     "The lock had expired after 5 s while the tax service was slow; another worker held it by then.", "redis locking"),
    ("lockfix", "solution", "orders", 286, "Extend the cart lock while work is going on",
     "A watchdog task extends the lock every 2 s and cancels the work when extending fails. Simpler than a longer timeout, which hid crashed workers for minutes.", "redis locking"),
    ("tz", "problem", "orders", 244, "Invoices dated one day early for orders after 23:00",
     "The invoice date was taken in UTC. Customers in Zürich who ordered at 00:30 saw yesterday's date, and so did the tax report.", "timezone invoices"),
    ("tzfix", "fix", "orders", 243, "Invoice date in the shop's time zone",
     "Store instants as timestamptz, convert with the shop's zone only when a date is printed. Test at 23:30, 00:30 and on both DST changes.", "timezone invoices"),
    ("tzrule", "general", "orders", 243, "Rule: store instants, print local dates",
     "Every date on paper belongs to a place. Pass the zone explicitly; never rely on the server's TZ.", "timezone convention"),
    ("nplus", "problem", "orders", 210, "Order list needs 212 queries for 50 orders",
     "lines and discounts are lazy relationships; the serializer touches both for each order. p95 of GET /orders is 1.9 s.", "performance sqlalchemy"),
    ("nplusfix", "solution", "orders", 209, "selectinload for lines and discounts",
     "Three queries instead of 212; p95 went from 1.9 s to 140 ms. joinedload was slower because of the product of both collections.", "performance sqlalchemy"),
    ("pool", "error", "orders", 188, "QueuePool limit of size 5 overflow 10 reached, connection timed out",
     "Appears at the 15:00 deploy: old and new workers together ask for 120 connections, PgBouncer allows 100.", "postgres deploy"),
    ("poolfix", "fix", "orders", 187, "Pool size 3 per worker and graceful drain",
     "Workers stop accepting first, finish within 20 s, and only then do the new ones open their pools.", "postgres deploy"),
    ("migr", "workflow", "orders", 165, "How we change a big table without downtime",
     "1. add the nullable column 2. write both 3. backfill in batches of 5 000 with a pause 4. validate the constraint NOT VALID first 5. switch reads 6. drop the old one a release later.", "migration postgres"),
    ("backfill", "command", "orders", 164, "Backfill in batches with a pause",
     "python -m orders.backfill --table orders --column channel --batch 5000 --pause 0.2 --resume", "migration postgres"),
    ("lockwait", "error", "orders", 163, "ALTER TABLE blocked behind a long report, then blocked everyone",
     "The ACCESS EXCLUSIVE lock waited in the queue and every later SELECT waited behind it. 4 minutes of outage.", "postgres incident migration"),
    ("locktimeout", "solution", "orders", 162, "SET lock_timeout = '2s' for every migration, and retry",
     "A migration that cannot get its lock gives up in two seconds and tries again later, so nobody queues behind it.", "postgres migration"),
    ("outbox", "code_pattern", "orders", 140, "Transactional outbox for events",
     "Write the event row in the same transaction as the order; a relay reads it with FOR UPDATE SKIP LOCKED and publishes. At least once, so consumers must be idempotent.", "events pattern"),
    ("dual", "problem", "orders", 141, "Order saved, event lost, when the broker is down",
     "save() then publish(): a crash in between loses the event. The warehouse did not ship 31 orders.", "events incident"),
    ("cachekey", "fix", "orders", 96, "Price cache key includes the currency",
     "Two shops shared one key; Swiss customers saw prices in euro for nine minutes. Key is now price:{shop}:{currency}:{sku}.", "redis cache"),
    ("replica", "general", "orders", 95, "Read your own writes from the primary",
     "After a write, that session reads from the primary for 10 s; otherwise the order page may say that the order does not exist.", "postgres convention"),
    ("pagin", "solution", "orders", 61, "Keyset pagination instead of OFFSET",
     "WHERE (created_at, id) < (:t, :id) ORDER BY created_at DESC, id DESC. Page 4 000 takes as long as page 1, and nothing is shown twice.", "performance postgres"),
    ("offset", "code_pattern", "orders", 340, "LIMIT/OFFSET pagination",
     "The way the order list was paged from the start. Good enough for the first pages.", "postgres"),
    # ---- harbor-web ----
    ("web", "project", "web", 347, "harbor-web: the shop's front end",
     "React 19, Vite, TypeScript strict. Preview deployment for each branch; Playwright runs against the preview.", "project overview"),
    ("flaky", "problem", "web", 276, "Checkout test fails once in twenty runs",
     "The test clicks before hydration is done: the button is there, its handler is not.", "testing flaky"),
    ("flakyfix", "solution", "web", 274, "Wait for the state, not for time",
     "The form sets data-ready when hydrated; tests wait for it. All sleeps in the suite are gone, and it is 90 s faster.", "testing playwright"),
    ("hydr", "error", "web", 275, "Hydration failed because the server rendered HTML didn't match",
     "toLocaleString() gave 1'234.50 on the server (de-CH) and 1,234.50 in the browser (en-US).", "react i18n"),
    ("hydrfix", "fix", "web", 273, "Format numbers with the shop's locale on both sides",
     "One formatPrice(amount, currency, locale) in src/lib/format.ts; lint forbids toLocaleString without a locale.", "react i18n"),
    ("i18n", "workflow", "web", 230, "Adding a language to the shop",
     "Copy messages/en.json, translate (never by key order), run pnpm i18n:check, look at the longest German words and at Arabic right to left: «السلة» must sit on the left.", "i18n"),
    ("bundle", "problem", "web", 171, "First load 1.4 MB of JavaScript",
     "moment with all locales, and lodash through a default import. Lighthouse 54 on a phone.", "performance bundle"),
    ("bundlefix", "solution", "web", 169, "Intl and date-fns/esm instead of moment",
     "1.4 MB to 420 kB. Lighthouse 91. The import of lodash is by function now.", "performance bundle"),
    ("vitecfg", "file_context", "web", 168, "vite.config.ts: manual chunks",
     "vendor-react is split so that it stays cached across releases. Order matters: the last matching rule wins.", "vite bundle"),
    ("strict", "general", "web", 333, "TypeScript strict stays on",
     "noUncheckedIndexedAccess found three real bugs in its first week. No `as any` without a comment that says why.", "typescript convention"),
    ("cors", "error", "web", 120, "CORS: preflight answered with 301",
     "http to https redirect on OPTIONS; browsers do not follow it. Only seen on the staging host name without www.", "cors nginx"),
    ("corsfix", "fix", "web", 119, "Use the https origin in .env.staging",
     "And nginx answers OPTIONS before the redirect.", "cors nginx"),
    ("snap", "general", "web", 228, "Snapshot tests only for small, stable markup",
     "Big snapshots get approved without being read. Prefer a role and a name.", "testing convention"),
    ("a11y", "workflow", "web", 77, "Keyboard walk before each release",
     "Tab through cart, checkout and account; Escape closes every dialog and focus returns to its button. Takes six minutes, found two blockers so far.", "accessibility release"),
    ("dark", "task", "web", 34, "Dark theme for the account pages",
     "Colours as tokens first, then the switch. Waiting for Léa's contrast table.", "design task"),
    # ---- tide ----
    ("tide", "project", "tide", 318, "tide: a command-line tide table",
     "Rust, offline data in SQLite, one static binary. Shows high and low water for 1 900 harbours 🌊.", "project overview rust"),
    ("deadlock", "problem", "tide", 262, "A std Mutex held across .await hangs the fetcher",
     "The guard lives until the end of the match arm; the second task waits for ever on a single-threaded runtime.", "async rust"),
    ("deadfix", "solution", "tide", 261, "Copy out of the lock before awaiting",
     "let url = { state.lock().unwrap().next_url() }; then await. clippy::await_holding_lock is now denied.", "async rust"),
    ("busy", "error", "tide", 221, "database is locked (SQLITE_BUSY)",
     "Two processes: the updater in a write transaction, the reader upgrading from read to write.", "sqlite locking"),
    ("busyfix", "fix", "tide", 220, "BEGIN IMMEDIATE and busy_timeout = 5000",
     "A transaction that will write says so at its start; then the timeout applies. WAL keeps the readers going meanwhile.", "sqlite locking"),
    ("wal", "technology", "tide", 222, "SQLite in WAL mode",
     "Readers do not block the writer. Copying only the .db file loses what is still in the -wal: use the backup API.", "sqlite"),
    ("float", "problem", "tide", 199, "Water level printed as 2.4000000000000004 m",
     "Sum of harmonic terms in f64, printed with {}. Also -0.0 at slack water.", "rust formatting"),
    ("floatfix", "fix", "tide", 198, "Format with {:.2} and normalise minus zero",
     "let v = if v == 0.0 { 0.0 } else { v }; then {v:.2}.", "rust formatting"),
    ("errs", "code_pattern", "tide", 182, "thiserror in the library, anyhow in main",
     "The library names what can go wrong; the binary adds what it was doing and prints the chain.", "rust errors"),
    ("musl", "command", "tide", 133, "Build the static binary",
     "cargo build --release --target x86_64-unknown-linux-musl && strip target/x86_64-unknown-linux-musl/release/tide", "rust release"),
    ("golden", "workflow", "tide", 108, "Golden files for the tables",
     "UPDATE_GOLDEN=1 cargo test rewrites them; read the diff as the reviewer would. St. Malo, 東京 and Ushuaia are the three harbours in the suite.", "testing rust"),
    ("unicode", "fix", "tide", 107, "Pad by display width, not by char count",
     "東京 is two characters and four columns wide. unicode-width; combining marks are zero.", "rust terminal unicode"),
    ("clippy", "general", "tide", 305, "clippy -D warnings in CI, pinned toolchain",
     "A new stable release must not break an old commit: rust-toolchain.toml pins it, an issue each six weeks moves it.", "rust convention ci"),
    ("rel", "task", "tide", 12, "Release tide 2.0",
     "Left: migration note for the cache folder, man page, one look on Windows Terminal.", "release task"),
    # ---- everywhere ----
    ("retry", "code_pattern", None, 290, "Retry with exponential backoff and jitter",
     "Only for errors that may pass, only if the call is idempotent, at most 5 times, cap at 30 s, full jitter. Log the last error, not the first.", "retry pattern"),
    ("conv1", "conversation", "home", 150, "Mara on reviews",
     "Wants small commits, the reason in the message, and no unrelated reformatting. Prefers being asked once, early, with two options.", "preferences"),
    ("conv2", "conversation", "home", 45, "How Mara likes summaries",
     "First what changed, then what is left, then risks. No more than ten lines. German is fine: «kurz und klar».", "preferences"),
    ("bisect", "command", None, 205, "git bisect with a script",
     "git bisect start BAD GOOD && git bisect run sh -c 'cargo build -q && ./repro.sh'; exit 125 skips a commit that does not build.", "git debugging"),
    ("postm", "workflow", None, 160, "Writing a post-mortem",
     "Timeline in UTC, what we believed at each moment, what made it worse, one change that would have stopped it. Nobody's name.", "incident workflow"),
    ("secrets", "general", None, 72, "Never put a token into a test fixture",
     "It ends up in the history for good. Use an obviously false one: tok_test_0000.", "security convention"),
]  # fmt: skip

RELATIONSHIPS = """
orders REQUIRES pg
orders REQUIRES redis
web DEPENDS_ON orders | every page but the imprint calls it
idem SOLVES double | no case in the ten months since
idemfix ADDRESSES double
double OCCURS_IN orders
retry TRIGGERS double | a retry of a call that was not idempotent
idem ENABLES retry | with the key a repeat is harmless
idemfix USED_IN orders
lockfail OCCURS_IN orders
lockfix SOLVES lockfail
lockfix WORKS_WITH redis
tz OCCURS_IN orders
tzfix SOLVES tz
tzrule GENERALIZES tzfix
tzrule PREVENTS tz
hydrfix SIMILAR_TO tzfix | both: say the place, do not inherit the machine's
nplus OCCURS_IN orders
nplusfix SOLVES nplus | p95 1.9 s to 140 ms
pool OCCURS_IN orders
poolfix SOLVES pool
lockwait OCCURS_IN orders
lockwait CAUSES locktimeout
locktimeout PREVENTS lockwait | two attempts at most in practice
locktimeout BUILDS_ON migr
migr REQUIRES locktimeout
backfill USED_IN migr
postm FOLLOWS lockwait
dual OCCURS_IN orders
outbox SOLVES dual
outbox WORKS_WITH idem | consumers use the same key
dual SIMILAR_TO double | two systems, no common transaction
-95 cachekey APPLIES_TO web | thought to be a front-end bug
cachekey APPLIES_TO orders
replica APPLIES_TO pg
-60 offset EFFECTIVE_FOR nplus | pages were small
pagin REPLACES offset
offset DEPRECATED_BY pagin
pagin EFFECTIVE_FOR nplus
pagin ALTERNATIVE_TO offset
-209 offset USED_IN orders
pagin USED_IN orders
flaky OCCURS_IN web
flakyfix SOLVES flaky
hydr CAUSES flaky | the late handler
hydr OCCURS_IN web
hydrfix SOLVES hydr
hydrfix CONFIRMS tzrule
flakyfix BUILDS_ON hydrfix
i18n APPLIES_TO web
i18n REQUIRES hydrfix
bundle OCCURS_IN web
bundlefix SOLVES bundle | Lighthouse 54 to 91
vitecfg USED_IN web
strict APPLIES_TO web
strict SIMILAR_TO clippy
cors OCCURS_IN web
cors BLOCKS web | staging only
corsfix SOLVES cors
snap CONTRADICTS golden | golden files are snapshots; they are small and get read
golden SPECIALIZES snap
a11y FOLLOWS flakyfix
dark DEPENDS_ON a11y
-5 dark BLOCKS rel | same week, one person
dark PARALLEL_TO rel
deadlock OCCURS_IN tide
deadfix SOLVES deadlock
deadfix VALIDATED_BY clippy | await_holding_lock
busy OCCURS_IN tide
busyfix SOLVES busy
wal WORKS_WITH busyfix
wal IMPROVES tide
tide REQUIRES wal
busy ANALOGY_TO lockwait | a lock that waits makes others wait
busyfix VARIANT_OF locktimeout
wal INEFFECTIVE_FOR deadlock
float OCCURS_IN tide
floatfix SOLVES float
floatfix VALIDATED_BY golden
errs USED_IN tide
errs PREFERRED_OVER retry | for errors that will not pass
musl USED_IN rel
rel DEPENDS_ON musl
unicode CONFIRMS golden
rel REQUIRES unicode
bisect EFFECTIVE_FOR flaky
bisect EFFECTIVE_FOR busy
retry INEFFECTIVE_FOR pool | made it worse
lockfix BUILDS_ON retry
postm BUILDS_ON conv1
conv1 RELATED_TO conv2
secrets OPPOSITE_OF idemfix | a key that must be known, a key that must not
replica LEADS_TO pagin
strict PREVENTS hydr
"""
