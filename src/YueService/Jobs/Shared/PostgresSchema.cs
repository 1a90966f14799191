using System.Globalization;
using Npgsql;

namespace YueService.Jobs.Shared;

/// <summary>The schema of the database, in versions that are applied in order.</summary>
/// <remarks>
/// A version makes only changes with which the previous release still works, so that processes of both releases can use the same database
/// during an upgrade. A database with a newer version than this release supports is rejected, unless that version allows this release.
/// </remarks>
internal static class PostgresSchema
{
    /// <summary>The version that this release needs.</summary>
    public static int Version => Versions.Count;

    /// <summary>Serializes migrations, regardless of how many processes start.</summary>
    public const long MigrationLock = 0x5975_6500;

    /// <summary>Serializes submissions: under this lock, the limits and the idempotency keys are checked, and the order of arrival is
    /// assigned.</summary>
    public const long SubmissionLock = 0x5975_6501;

    /// <summary>All versions, starting with the first. A released version is never changed.</summary>
    private static readonly IReadOnlyList<string> Versions =
    [
        // The jobs as in the log of one machine, and the columns for sharing them. Triggers send the notifications, so that no statement
        // can forget them. `changed` tells a poller which rows are new or changed.
        """
        CREATE TABLE jobs (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id text NOT NULL UNIQUE,
            state text NOT NULL,
            request text NOT NULL,
            idempotency_key text UNIQUE,
            body_hash text,
            created_ms bigint NOT NULL,
            started_ms bigint,
            finished_ms bigint,
            interruptions bigint NOT NULL DEFAULT 0,
            fault text,
            song text,
            files text,
            folder text,
            title text,
            note text,
            favourite boolean NOT NULL DEFAULT false,
            edits bigint NOT NULL DEFAULT 0,
            parent_id text,
            group_id text,
            take bigint,
            callback_url text,
            attempt bigint NOT NULL DEFAULT 0,
            owner text NOT NULL DEFAULT '',
            turn bigint NOT NULL DEFAULT 0,
            model text,
            caller text,
            worker text,
            lease_until timestamptz,
            cancelling boolean NOT NULL DEFAULT false,
            delay text,
            marks text,
            changed xid8 NOT NULL DEFAULT pg_current_xact_id()
        );
        CREATE INDEX jobs_waiting ON jobs (turn, number) WHERE state = 'queued' AND lease_until IS NULL;
        CREATE INDEX jobs_by_owner ON jobs (owner, turn) WHERE state = 'queued' AND lease_until IS NULL;
        CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_until IS NOT NULL;
        CREATE INDEX jobs_by_state ON jobs (state, number);
        CREATE INDEX jobs_by_change ON jobs (changed);
        CREATE INDEX jobs_by_favourite ON jobs (number) WHERE favourite;
        CREATE INDEX jobs_by_parent ON jobs (parent_id, number) WHERE parent_id IS NOT NULL;
        CREATE INDEX jobs_by_group ON jobs (group_id, take) WHERE group_id IS NOT NULL;
        CREATE INDEX jobs_by_caller ON jobs (caller) WHERE caller IS NOT NULL;

        CREATE TABLE search_texts (number bigint PRIMARY KEY REFERENCES jobs ON DELETE CASCADE, text text NOT NULL);
        CREATE TABLE song_groups (id text PRIMARY KEY, idempotency_key text UNIQUE, body_hash text, created_ms bigint NOT NULL);
        CREATE TABLE webhooks (
            job_id text PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, attempts bigint NOT NULL, next_ms bigint NOT NULL);
        CREATE INDEX webhooks_by_time ON webhooks (next_ms);

        CREATE TABLE processes (
            id text PRIMARY KEY,
            name text NOT NULL,
            makes_songs boolean NOT NULL,
            takes_jobs boolean NOT NULL,
            about text NOT NULL,
            heartbeat timestamptz NOT NULL
        );

        CREATE FUNCTION job_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_notify('yue', 'queued');
            RETURN NULL;
        END $$;
        CREATE TRIGGER jobs_added AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION job_added();

        CREATE FUNCTION job_changing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            new.changed := pg_current_xact_id();
            IF new.state NOT IN ('queued', 'running') THEN
                new.lease_until := NULL;
                IF new.callback_url IS NOT NULL AND old.state IN ('queued', 'running') THEN
                    INSERT INTO webhooks (job_id, attempts, next_ms) VALUES (new.id, 0, 0) ON CONFLICT DO NOTHING;
                END IF;
            END IF;
            RETURN new;
        END $$;
        CREATE TRIGGER jobs_changing BEFORE UPDATE OF state, attempt, cancelling, delay, marks, edits ON jobs
            FOR EACH ROW EXECUTE FUNCTION job_changing();

        CREATE FUNCTION job_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF new.edits <> old.edits THEN
                PERFORM pg_notify('yue', 'edited ' || new.id);
            ELSE
                PERFORM pg_notify('yue', 'changed ' || new.id);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER jobs_changed AFTER UPDATE OF state, attempt, cancelling, delay, marks, edits ON jobs
            FOR EACH ROW EXECUTE FUNCTION job_changed();

        CREATE FUNCTION job_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM song_groups WHERE id = old.group_id AND NOT EXISTS (SELECT 1 FROM jobs WHERE group_id = old.group_id);
            IF old.caller IS NULL THEN
                PERFORM pg_notify('yue', 'removed ' || old.id);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER jobs_removed AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION job_removed();
        """,

        // The models that workers have announced, so that a job can wait for a model that no running worker has. Idempotency keys per
        // owner. The number of songs of each caller in its current minute, which is not flushed to disk and starts at zero after a crash.
        // Sessions that were ended before they expired.
        """
        CREATE TABLE models (name text PRIMARY KEY, family text NOT NULL, seen timestamptz NOT NULL);

        ALTER TABLE jobs DROP CONSTRAINT jobs_idempotency_key_key;
        CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key, owner) WHERE idempotency_key IS NOT NULL;
        ALTER TABLE song_groups DROP CONSTRAINT song_groups_idempotency_key_key, ADD COLUMN owner text NOT NULL DEFAULT '';
        CREATE UNIQUE INDEX song_groups_by_key ON song_groups (idempotency_key, owner) WHERE idempotency_key IS NOT NULL;

        CREATE UNLOGGED TABLE song_rates (caller text PRIMARY KEY, began timestamptz NOT NULL, songs bigint NOT NULL);
        CREATE TABLE ended_sessions (id text PRIMARY KEY, expires timestamptz NOT NULL);

        -- Workers react only to jobs that can be claimed and to their own jobs that must stop. Earlier releases react to every change.
        CREATE OR REPLACE FUNCTION job_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF new.edits <> old.edits THEN
                PERFORM pg_notify('yue', 'edited ' || new.id);
                RETURN NULL;
            END IF;
            PERFORM pg_notify('yue', 'changed ' || new.id);
            IF new.state = 'queued' AND new.lease_until IS NULL AND (old.state <> 'queued' OR old.lease_until IS NOT NULL) THEN
                PERFORM pg_notify('yue', 'queued');
            END IF;
            IF old.lease_until IS NOT NULL AND (new.cancelling AND NOT old.cancelling OR new.attempt <> old.attempt) THEN
                PERFORM pg_notify('yue', 'stop ' || new.id);
            END IF;
            RETURN NULL;
        END $$;
        """,
    ];

    /// <summary>Brings the schema up to date. Waits while another process is doing this.</summary>
    /// <returns>True if there was no schema before.</returns>
    /// <exception cref="StorageException">The schema needs a newer release.</exception>
    public static Task<bool> MigrateAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        MigrateAsync(connection, Version, cancel);

    /// <summary>Brings the schema up to a version. Tests stop at the version of an earlier release.</summary>
    internal static async Task<bool> MigrateAsync(NpgsqlConnection connection, int to, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await ExecuteAsync(
            connection,
            string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({MigrationLock})"),
            cancel);
        await ExecuteAsync(
            connection,
            """
            CREATE TABLE IF NOT EXISTS schema_versions (
                version integer PRIMARY KEY, oldest_release integer NOT NULL, applied timestamptz NOT NULL)
            """,
            cancel);
        var (version, oldest) = await VersionOfAsync(connection, cancel);
        if (oldest > Version)
        {
            throw new StorageException(string.Create(
                CultureInfo.InvariantCulture,
                $"The database has schema {version}, which needs a release that supports schema {oldest}; this one supports {Version}. "
                    + $"Install a newer release, or name another database in Yue:Store."));
        }

        for (var next = version + 1; next <= to; next++)
        {
            // Submissions lock groups before jobs, but removals lock jobs before groups. A migration that changes both could deadlock with
            // one of them, so it first waits for submissions.
            await ExecuteAsync(
                connection, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({SubmissionLock})"), cancel);
            await ExecuteAsync(connection, Versions[next - 1], cancel);
            await ExecuteAsync(
                connection,
                string.Create(
                    CultureInfo.InvariantCulture, $"INSERT INTO schema_versions VALUES ({next}, {OldestRelease(next)}, clock_timestamp())"),
                cancel);
        }

        await transaction.CommitAsync(cancel);
        return version == 0;
    }

    /// <summary>Returns the schema's version, and the version that a release must support to use it. Both are 0 if no version is
    /// stored.</summary>
    public static async Task<(int Version, int OldestRelease)> VersionOfAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var select = new NpgsqlCommand(
            "SELECT coalesce(max(version), 0), coalesce(max(oldest_release), 0) FROM schema_versions", connection);
        await using var reader = await select.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt32(0), reader.GetInt32(1));
    }

    // A release can also use the next version, because processes are upgraded one by one.
    private static int OldestRelease(int version) => Math.Max(1, version - 1);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
