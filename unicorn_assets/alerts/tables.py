"""The tables of the alerts in HOME/state.sqlite.

An alert gets one row of `alert_deliveries` for each route that takes it. Shortly before the first attempt, deliveries
of a route are frozen into groups: from then on members and key stay as they are until the group has arrived.
"""

RECOVERED = "failed_at IS NOT NULL AND passed_at > failed_at AND (told IS NULL OR told < failed_at)"

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS alerts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        severity TEXT NOT NULL,
        body TEXT NOT NULL,
        routed INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX IF NOT EXISTS alerts_unrouted ON alerts (number) WHERE routed = 0",
    """
    CREATE TABLE IF NOT EXISTS alert_deliveries (
        route TEXT NOT NULL,
        alert INTEGER NOT NULL REFERENCES alerts (number),
        subject TEXT NOT NULL,
        severity TEXT NOT NULL,
        group_key TEXT,
        PRIMARY KEY (route, alert)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS alert_deliveries_waiting ON alert_deliveries (route) WHERE group_key IS NULL",
    "CREATE INDEX IF NOT EXISTS alert_deliveries_group ON alert_deliveries (group_key)",
    "CREATE INDEX IF NOT EXISTS alert_deliveries_subject ON alert_deliveries (route, subject)",
    """
    CREATE TABLE IF NOT EXISTS alert_groups (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        route TEXT NOT NULL,
        severity TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sent', 'dead')),
        frozen_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_try REAL NOT NULL,
        down INTEGER NOT NULL DEFAULT 0,
        reached TEXT NOT NULL DEFAULT '[]',
        problem TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX IF NOT EXISTS alert_groups_not_sent ON alert_groups (route, state) WHERE state != 'sent'",
    # How each check stands: its last failure, its last pass, and the failure up to which a `resolved` was recorded.
    """
    CREATE TABLE IF NOT EXISTS alert_checks (
        subject TEXT PRIMARY KEY,
        failed_at REAL,
        failure TEXT,
        passed_at REAL,
        passed_in TEXT,
        told REAL
    )
    """,
    f"CREATE INDEX IF NOT EXISTS alert_checks_recovered ON alert_checks (subject) WHERE {RECOVERED}",
    # How far the runs have been read.
    """
    CREATE TABLE IF NOT EXISTS alert_runs (
        run_id TEXT PRIMARY KEY,
        updated REAL NOT NULL,
        cursor TEXT NOT NULL,
        settled INTEGER NOT NULL,
        read_at REAL NOT NULL
    )
    """,
    "CREATE TABLE IF NOT EXISTS alert_marks (name TEXT PRIMARY KEY, value REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alert_problems (route TEXT PRIMARY KEY, problem TEXT NOT NULL)",
)
