using System.Data.Common;
using System.Globalization;

namespace YueService.Jobs;

/// <content>New jobs.</content>
internal abstract partial class SqlJobLog
{
    public async Task<Addition> AddAsync(IReadOnlyList<NewJob> jobs, NewGroup? group, CancellationToken cancel)
    {
        try
        {
            return await WriteOnceAsync(
                async connection =>
                {
                    await using var add = Addition(connection, jobs, group);
                    await using var reader = await add.ExecuteReaderAsync(cancel);
                    return await ReadRefusalAsync(reader, cancel) is { } refusal
                        ? new Addition(refusal, [])
                        : new Addition(IntakeOutcome.Accepted, await JobRows.ReadAsync(reader, NoteDamage, cancel));
                },
                cancel);
        }
        catch (DbException e) when (IsConflict(e))
        {
            return new(IntakeOutcome.KeyTaken, []);
        }
    }

    /// <summary>Returns the statements that check whether jobs can be added. They run before the statements that add the jobs.</summary>
    protected virtual IEnumerable<string> Guards(DbCommand add, IReadOnlyList<NewJob> jobs, NewGroup? group) => [];

    /// <summary>An SQL condition that is true if the checks of <see cref="Guards"/> passed.</summary>
    protected virtual string IsAllowed => "true";

    /// <summary>Reads the results of <see cref="Guards"/> and moves to the added jobs.</summary>
    /// <returns>The reason why the jobs were not added; null if they were.</returns>
    protected virtual Task<IntakeOutcome?> ReadRefusalAsync(DbDataReader reader, CancellationToken cancel) =>
        Task.FromResult<IntakeOutcome?>(null);

    /// <summary>The additional columns of a new job; begins with a comma unless empty.</summary>
    protected virtual string MoreColumns => "";

    /// <summary>Returns the values of <see cref="MoreColumns"/>; begins with a comma unless empty.</summary>
    protected virtual string MoreValues(string n) => "";

    /// <summary>Sets the parameters of <see cref="MoreValues"/>.</summary>
    protected virtual void BindMore(DbCommand add, string n, NewJob job)
    {
    }

    /// <summary>Returns the command that adds jobs and selects them. It is one command, because submissions to a shared database wait for
    /// each other.</summary>
    private DbCommand Addition(DbConnection connection, IReadOnlyList<NewJob> jobs, NewGroup? group)
    {
        var add = Command(connection, "");
        var statements = new List<string>(Guards(add, jobs, group));
        if (group is not null)
        {
            statements.Add($"""
                INSERT INTO song_groups (id, idempotency_key, owner, body_hash, created_ms)
                SELECT @group, @group_key, @owner, @group_hash, {Now} WHERE {IsAllowed}
                """);
            add.Bind("group_key", group.Key);
            add.Bind("group_hash", group.BodyHash);
        }

        add.Bind("group", group?.Id);
        add.Bind("owner", (group is null ? jobs[0].Owner : group.Owner) ?? "");
        for (var i = 0; i < jobs.Count; i++)
        {
            var n = i.ToString(CultureInfo.InvariantCulture);
            statements.Add(Insert(n));
            statements.Add(SetSearchText(n));
            BindNew(add, n, jobs[i]);
        }

        var ids = string.Join(", ", jobs.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"@id{i}")));
        add.CommandText = string.Join(";\n", [.. statements, $"SELECT * FROM jobs WHERE id IN ({ids}) ORDER BY number"]);
        return add;
    }

    /// <summary>Returns the statement that inserts the job whose parameter names end in <paramref name="n"/>.</summary>
    private string Insert(string n) => $"""
        INSERT INTO jobs (
            id, state, request, idempotency_key, owner, body_hash, created_ms, files, title, parent_id, group_id, take, callback_url
            {MoreColumns})
        SELECT @id{n}, 'queued', @request{n}, @key{n}, @owner, @hash{n}, {Now}, @files{n}, @title{n}, @parent{n}, @group, @take{n},
            @callback{n} {MoreValues(n)}
        WHERE {IsAllowed}
        """;

    private void BindNew(DbCommand add, string n, NewJob job)
    {
        add.Bind("id" + n, job.Id);
        add.Bind("request" + n, JobRows.ToJson(RequestRow.Of(job.Request)));
        add.Bind("key" + n, job.Key);
        add.Bind("hash" + n, job.BodyHash);
        add.Bind("files" + n, job.Files is { } files ? JobRows.ToJson(files) : null);
        add.Bind("title" + n, job.Request.Title);
        add.Bind("parent" + n, job.Request.ParentId);
        add.Bind("take" + n, (long?)job.Take?.Number);
        add.Bind("callback" + n, job.Request.CallbackUrl);
        BindSearchText(add, n, job.Request);
        BindMore(add, n, job);
    }
}
