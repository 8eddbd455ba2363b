"""The registry's schema, step by step: each migration and the row that records it in one transaction."""

from __future__ import annotations

from sqlite_utils import Database as Tables
from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x54494445
"""``TIDE``, in the header of every registry."""

schema = Migrations("tidegate")

# With trusted_schema off, SQLite 3.40 refuses its own JSON functions in a schema: the checks use LIKE.
_FIRST = (
    """CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        home TEXT NOT NULL,
        generation INTEGER NOT NULL CHECK (generation >= 0),
        audit_seq INTEGER NOT NULL CHECK (audit_seq >= 0),
        audit_head TEXT NOT NULL
    ) STRICT""",
    "INSERT INTO meta VALUES (1, lower(hex(randomblob(16))), 0, 0, '')",
    """CREATE TABLE models (
        name TEXT PRIMARY KEY CHECK (length(name) > 0),
        description TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE datasets (
        name TEXT NOT NULL CHECK (length(name) > 0),
        version INTEGER NOT NULL CHECK (version >= 1),
        digest TEXT NOT NULL,
        rows INTEGER NOT NULL CHECK (rows >= 0),
        columns TEXT NOT NULL CHECK (columns LIKE '{%}'),
        time_column TEXT,
        time_from TEXT,
        time_to TEXT,
        origin TEXT NOT NULL CHECK (origin LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (name, version),
        UNIQUE (name, digest)
    ) STRICT""",
    "CREATE INDEX datasets_by_digest ON datasets (digest)",
    """CREATE TABLE versions (
        model TEXT NOT NULL REFERENCES models (name),
        number INTEGER NOT NULL CHECK (number >= 1),
        digest TEXT NOT NULL UNIQUE,
        stage TEXT NOT NULL CHECK (length(stage) > 0),
        description TEXT NOT NULL,
        manifest TEXT NOT NULL CHECK (manifest LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (model, number)
    ) STRICT""",
    """CREATE TABLE endpoints (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
        model TEXT NOT NULL REFERENCES models (name),
        salt TEXT NOT NULL,
        contract TEXT NOT NULL CHECK (contract LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE deployments (
        generation INTEGER PRIMARY KEY CHECK (generation >= 1),
        digest TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL CHECK (document LIKE '{%}'),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE plans (
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        generation INTEGER NOT NULL REFERENCES deployments (generation),
        variants TEXT NOT NULL CHECK (variants LIKE '[%]'),
        slots INTEGER NOT NULL CHECK (slots >= 1),
        stacks TEXT NOT NULL,
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (endpoint, generation)
    ) STRICT""",
    """CREATE TABLE principals (
        name TEXT PRIMARY KEY CHECK (length(name) > 0),
        roles TEXT NOT NULL CHECK (roles LIKE '[%]'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE keys (
        id TEXT PRIMARY KEY CHECK (length(id) = 10),
        principal TEXT NOT NULL REFERENCES principals (name),
        mac TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        expires_at TEXT,
        revoked_at TEXT
    ) STRICT""",
    "CREATE INDEX keys_by_principal ON keys (principal)",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY CHECK (seq >= 1),
        body TEXT NOT NULL CHECK (body LIKE '{%}'),
        hash TEXT NOT NULL UNIQUE
    ) STRICT""",
    """CREATE TABLE idempotency (
        principal TEXT NOT NULL,
        key TEXT NOT NULL,
        request TEXT NOT NULL,
        response TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (principal, key)
    ) STRICT""",
    "CREATE INDEX idempotency_by_age ON idempotency (created_at)",
    """CREATE TABLE segments (
        path TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('predictions', 'labels', 'drift')),
        endpoint TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        rows INTEGER NOT NULL CHECK (rows >= 0),
        time_from TEXT,
        time_to TEXT,
        created_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX segments_by_endpoint ON segments (kind, endpoint, time_from)",
    """CREATE TABLE edges (
        subject TEXT NOT NULL,
        relation TEXT NOT NULL CHECK (length(relation) > 0),
        object TEXT NOT NULL,
        detail TEXT NOT NULL CHECK (detail LIKE '{%}'),
        created_at TEXT NOT NULL,
        PRIMARY KEY (subject, relation, object)
    ) STRICT""",
    "CREATE INDEX edges_by_object ON edges (object, relation)",
)


@schema()
def m001_registry(tables: Tables) -> None:
    """The first registry: what exists, who may act, what was done."""
    tables.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in _FIRST:
        tables.execute(statement)
    tables.execute("PRAGMA user_version = 1")


_STAGES = (
    """CREATE TABLE approvals (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL REFERENCES versions (digest),
        stage TEXT NOT NULL CHECK (length(stage) > 0),
        reason TEXT NOT NULL,
        roles TEXT NOT NULL CHECK (roles LIKE '[%]'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        UNIQUE (digest, stage, created_by)
    ) STRICT""",
    """CREATE TABLE promotions (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL REFERENCES versions (digest),
        from_stage TEXT NOT NULL,
        to_stage TEXT NOT NULL CHECK (length(to_stage) > 0),
        rule TEXT NOT NULL CHECK (rule LIKE '{%}'),
        verdicts TEXT NOT NULL CHECK (verdicts LIKE '[%]'),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX promotions_by_digest ON promotions (digest, id)",
)


@schema()
def m002_stages(tables: Tables) -> None:
    """Approvals of versions, and their moves from stage to stage with the verdicts that let them."""
    for statement in _STAGES:
        tables.execute(statement)
    tables.execute("PRAGMA user_version = 2")


_LIFE = (
    """CREATE TABLE policies (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        body TEXT NOT NULL CHECK (body LIKE '{%}'),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX policies_by_endpoint ON policies (endpoint, id)",
    """CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        at TEXT NOT NULL,
        rule TEXT NOT NULL CHECK (length(rule) > 0),
        action TEXT NOT NULL CHECK (length(action) > 0),
        says TEXT NOT NULL,
        body TEXT NOT NULL CHECK (body LIKE '{%}'),
        generation INTEGER REFERENCES deployments (generation),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX decisions_by_endpoint ON decisions (endpoint, id)",
    """CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        variant TEXT NOT NULL REFERENCES versions (digest),
        version TEXT NOT NULL,
        shadow INTEGER NOT NULL CHECK (shadow IN (0, 1)),
        role TEXT NOT NULL,
        feature TEXT NOT NULL,
        stream TEXT NOT NULL,
        began TEXT NOT NULL,
        alarmed_at TEXT NOT NULL,
        ended_at TEXT,
        verdict TEXT NOT NULL CHECK (verdict LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        UNIQUE (endpoint, variant, shadow, role, feature, stream, alarmed_at)
    ) STRICT""",
    """CREATE TABLE retrainings (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        alarm INTEGER REFERENCES alarms (id),
        parent TEXT NOT NULL REFERENCES versions (digest),
        outcome TEXT NOT NULL CHECK (outcome IN ('better', 'not_better', 'fix_data', 'too_few_labels')),
        version TEXT REFERENCES versions (digest),
        dataset TEXT,
        says TEXT NOT NULL,
        body TEXT NOT NULL CHECK (body LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX retrainings_by_endpoint ON retrainings (endpoint, id)",
    """CREATE TABLE blind_sets (
        name TEXT PRIMARY KEY CHECK (length(name) > 0),
        model TEXT NOT NULL REFERENCES models (name),
        artifact TEXT NOT NULL,
        budget INTEGER NOT NULL CHECK (budget >= 1),
        description TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE blind_results (
        id INTEGER PRIMARY KEY,
        blind_set TEXT NOT NULL REFERENCES blind_sets (name),
        digest TEXT NOT NULL REFERENCES versions (digest),
        figures TEXT NOT NULL CHECK (figures LIKE '{%}'),
        confinement TEXT NOT NULL CHECK (confinement LIKE '{%}'),
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        UNIQUE (blind_set, digest)
    ) STRICT""",
)


@schema()
def m003_life(tables: Tables) -> None:
    """Floors and ladders with their decisions, drift alarms, retrainings, sealed blind sets."""
    for statement in _LIFE:
        tables.execute(statement)
    tables.execute("PRAGMA user_version = 3")


_QUARANTINES = (
    """CREATE TABLE quarantines (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL REFERENCES versions (digest),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        released_at TEXT,
        released_by TEXT,
        released_because TEXT
    ) STRICT""",
    "CREATE UNIQUE INDEX quarantines_open ON quarantines (digest) WHERE released_at IS NULL",
)


@schema()
def m004_quarantines(tables: Tables) -> None:
    """Versions that crashed the scoring process, until an operator lets them go."""
    for statement in _QUARANTINES:
        tables.execute(statement)
    tables.execute("PRAGMA user_version = 4")


_LOG = (
    "ALTER TABLE plans ADD COLUMN rules TEXT NOT NULL DEFAULT '[]'",
    """CREATE TABLE log_policies (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints (id),
        body TEXT NOT NULL CHECK (body LIKE '{%}'),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT""",
    "ALTER TABLE segments ADD COLUMN sample REAL",
    "ALTER TABLE segments ADD COLUMN removed_at TEXT",
)


@schema()
def m005_log(tables: Tables) -> None:
    """Routing rules, log policies, and what retention removed."""
    for statement in _LOG:
        tables.execute(statement)
    tables.execute("PRAGMA user_version = 5")
