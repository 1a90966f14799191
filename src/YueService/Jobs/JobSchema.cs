namespace YueService.Jobs;

/// <summary>The schema of <c>jobs.db</c>, in versions that are applied in order.</summary>
internal static class JobSchema
{
    /// <summary>The version that this release writes.</summary>
    public static int Version => 1 + Steps.Length;

    // A commit returns when it is on disk (synchronous FULL), so a finished song also survives a power failure.
    private const string Schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            request TEXT NOT NULL,
            idempotency_key TEXT UNIQUE,
            body_hash TEXT,
            created_ms INTEGER NOT NULL,
            started_ms INTEGER,
            finished_ms INTEGER,
            interruptions INTEGER NOT NULL DEFAULT 0,
            fault TEXT,
            song TEXT
        ) STRICT;
        CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
        """;

    // Version 2 stores the sizes of a job's files.
    private const string ToVersion2 = "ALTER TABLE jobs ADD COLUMN files TEXT;";

    // Version 3 stores the user's data about a song, its origin, and its searchable text, which is in a separate table, so that a search
    // reads nothing else. It also stores the kind of a fault; earlier versions stored the name and the title of a problem type.
    private const string ToVersion3 = """
        ALTER TABLE jobs ADD COLUMN title TEXT;
        ALTER TABLE jobs ADD COLUMN note TEXT;
        ALTER TABLE jobs ADD COLUMN favourite INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN edits INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN parent_id TEXT;
        CREATE INDEX jobs_by_favourite ON jobs (number) WHERE favourite;
        CREATE INDEX jobs_by_parent ON jobs (parent_id, number) WHERE parent_id IS NOT NULL;
        CREATE TABLE search_texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
        CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN DELETE FROM search_texts WHERE number = old.number; END;
        INSERT INTO search_texts
        SELECT number, search_text(json_extract(request, '$.song.genre'), json_extract(request, '$.song.lyrics'))
        FROM jobs WHERE json_valid(request);
        UPDATE jobs
        SET fault = json_object(
            'kind', replace(replace(json_extract(fault, '$.type'), 'urn:yue:', ''), '-', '_'),
            'detail', json_extract(fault, '$.detail'))
        WHERE json_valid(fault);
        """;

    // Version 4 stores groups of takes. A group is removed with its last job.
    private const string ToVersion4 = """
        CREATE TABLE song_groups (
            id TEXT PRIMARY KEY,
            idempotency_key TEXT UNIQUE,
            body_hash TEXT,
            created_ms INTEGER NOT NULL
        ) STRICT;
        ALTER TABLE jobs ADD COLUMN group_id TEXT;
        ALTER TABLE jobs ADD COLUMN take INTEGER;
        CREATE INDEX jobs_by_group ON jobs (group_id, take) WHERE group_id IS NOT NULL;
        CREATE TRIGGER takes_removed AFTER DELETE ON jobs WHEN old.group_id IS NOT NULL BEGIN
            DELETE FROM song_groups WHERE id = old.group_id AND NOT EXISTS (SELECT 1 FROM jobs WHERE group_id = old.group_id);
        END;
        """;

    // Version 5 stores the callback URLs of jobs, and the webhooks to send to them. A webhook is due when its job ends.
    private const string ToVersion5 = """
        ALTER TABLE jobs ADD COLUMN callback_url TEXT;
        CREATE TABLE webhooks (job_id TEXT PRIMARY KEY, attempts INTEGER NOT NULL, next_ms INTEGER NOT NULL) STRICT;
        CREATE INDEX webhooks_by_time ON webhooks (next_ms);
        CREATE TRIGGER callbacks_due AFTER UPDATE OF state ON jobs
        WHEN new.callback_url IS NOT NULL AND old.state IN ('queued', 'running') AND new.state NOT IN ('queued', 'running') BEGIN
            INSERT OR IGNORE INTO webhooks (job_id, attempts, next_ms) VALUES (new.id, 0, 0);
        END;
        CREATE TRIGGER callbacks_removed AFTER DELETE ON jobs WHEN old.callback_url IS NOT NULL BEGIN
            DELETE FROM webhooks WHERE job_id = old.id;
        END;
        """;

    // Version 6 stores attempts and folders, as the shared database of many machines does.
    private const string ToVersion6 = """
        ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN folder TEXT;
        """;

    // Version 7 stores owners, which have separate idempotency keys. A constraint cannot be dropped, so both tables with keys are copied.
    // The indexes and triggers of the old tables are dropped with them and created again.
    private const string ToVersion7 = """
        CREATE TABLE jobs_7 (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            request TEXT NOT NULL,
            idempotency_key TEXT,
            owner TEXT NOT NULL DEFAULT '',
            body_hash TEXT,
            created_ms INTEGER NOT NULL,
            started_ms INTEGER,
            finished_ms INTEGER,
            interruptions INTEGER NOT NULL DEFAULT 0,
            fault TEXT,
            song TEXT,
            files TEXT,
            title TEXT,
            note TEXT,
            favourite INTEGER NOT NULL DEFAULT 0,
            edits INTEGER NOT NULL DEFAULT 0,
            parent_id TEXT,
            group_id TEXT,
            take INTEGER,
            callback_url TEXT,
            attempt INTEGER NOT NULL DEFAULT 0,
            folder TEXT,
            UNIQUE (idempotency_key, owner)
        ) STRICT;
        INSERT INTO jobs_7 (
            number, id, state, request, idempotency_key, body_hash, created_ms, started_ms, finished_ms, interruptions, fault, song, files,
            title, note, favourite, edits, parent_id, group_id, take, callback_url, attempt, folder)
        SELECT
            number, id, state, request, idempotency_key, body_hash, created_ms, started_ms, finished_ms, interruptions, fault, song, files,
            title, note, favourite, edits, parent_id, group_id, take, callback_url, attempt, folder
        FROM jobs;
        DELETE FROM sqlite_sequence WHERE name = 'jobs_7';
        INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_7', seq FROM sqlite_sequence WHERE name = 'jobs';
        DROP TABLE jobs;
        ALTER TABLE jobs_7 RENAME TO jobs;
        CREATE INDEX jobs_by_state ON jobs (state, number);
        CREATE INDEX jobs_by_favourite ON jobs (number) WHERE favourite;
        CREATE INDEX jobs_by_parent ON jobs (parent_id, number) WHERE parent_id IS NOT NULL;
        CREATE INDEX jobs_by_group ON jobs (group_id, take) WHERE group_id IS NOT NULL;

        CREATE TABLE song_groups_7 (
            id TEXT PRIMARY KEY,
            idempotency_key TEXT,
            owner TEXT NOT NULL DEFAULT '',
            body_hash TEXT,
            created_ms INTEGER NOT NULL,
            UNIQUE (idempotency_key, owner)
        ) STRICT;
        INSERT INTO song_groups_7 (id, idempotency_key, body_hash, created_ms)
        SELECT id, idempotency_key, body_hash, created_ms FROM song_groups;
        DROP TABLE song_groups;
        ALTER TABLE song_groups_7 RENAME TO song_groups;

        CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN DELETE FROM search_texts WHERE number = old.number; END;
        CREATE TRIGGER takes_removed AFTER DELETE ON jobs WHEN old.group_id IS NOT NULL BEGIN
            DELETE FROM song_groups WHERE id = old.group_id AND NOT EXISTS (SELECT 1 FROM jobs WHERE group_id = old.group_id);
        END;
        CREATE TRIGGER callbacks_due AFTER UPDATE OF state ON jobs
        WHEN new.callback_url IS NOT NULL AND old.state IN ('queued', 'running') AND new.state NOT IN ('queued', 'running') BEGIN
            INSERT OR IGNORE INTO webhooks (job_id, attempts, next_ms) VALUES (new.id, 0, 0);
        END;
        CREATE TRIGGER callbacks_removed AFTER DELETE ON jobs WHEN old.callback_url IS NOT NULL BEGIN
            DELETE FROM webhooks WHERE job_id = old.id;
        END;
        """;

    private static readonly string[] Steps = [ToVersion2, ToVersion3, ToVersion4, ToVersion5, ToVersion6, ToVersion7];

    /// <summary>Returns the statements that bring a database up to date, in a transaction that the caller commits.</summary>
    /// <param name="version">The version that the database has; 0 if it is empty.</param>
    public static string From(int version) => string.Join('\n', Steps.Skip(Math.Max(0, version - 1)).Prepend(Schema));
}
