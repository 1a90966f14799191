using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>Files in S3-compatible object storage.</summary>
/// <remarks>Uses only operations that every compatible server supports: PUT, GET with ranges, DELETE and List, with the bucket in the path.
/// Credentials come from the environment or the files that the AWS SDK reads.</remarks>
internal sealed class S3Files : IFileStore, IDisposable
{
    private const int CallSeconds = 60;
    private const int Retries = 2;

    // The time of a file is updated by uploading the same content again, often enough to distinguish used files from unused ones.
    private static readonly TimeSpan TouchInterval = TimeSpan.FromHours(1);

    private readonly S3Place _place;
    private readonly TimeProvider _clock;
    private readonly int _pageSize;
    private readonly Lazy<AmazonS3Client> _client;

    /// <param name="place">The location of the files.</param>
    /// <param name="clock">The clock for deciding which files were touched long ago.</param>
    /// <param name="pageSize">The maximum number of files per page of a listing.</param>
    public S3Files(S3Place place, TimeProvider clock, int pageSize = 1000)
    {
        (_place, _clock, _pageSize) = (place, clock, pageSize);
        _client = new(Connect);
    }

    public Task RecoverAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task WriteAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancel) => GuardAsync(
        async client =>
        {
            using var bytes = new MemoryStream(content.ToArray(), writable: false);
            return await client.PutObjectAsync(
                new PutObjectRequest { BucketName = _place.Bucket, Key = KeyOf(name), InputStream = bytes, UseChunkEncoding = false },
                cancel);
        });

    public Task<OpenFile?> OpenAsync(string name, CancellationToken cancel) => GuardAsync(
        async client =>
        {
            try
            {
                var whole = await client.GetObjectAsync(_place.Bucket, KeyOf(name), cancel);
                var modified = new DateTimeOffset(whole.LastModified ?? DateTime.UnixEpoch);
                return new OpenFile(new S3Stream(whole, (from, token) => ReopenAsync(whole, from, token)), modified);
            }
            catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound && e.ErrorCode != "NoSuchBucket")
            {
                return null;
            }
        });

    public Task<IReadOnlyList<FileEntry>> ListAsync(string prefix, CancellationToken cancel) => GuardAsync<IReadOnlyList<FileEntry>>(
        async client =>
        {
            var files = new List<FileEntry>();
            var request = new ListObjectsRequest { BucketName = _place.Bucket, Prefix = KeyOf(prefix), MaxKeys = _pageSize };
            while (true)
            {
                var page = await client.ListObjectsAsync(request, cancel);
                files.AddRange((page.S3Objects ?? []).Select(file => new FileEntry(
                    file.Key[_place.Prefix.Length..], file.Size ?? 0, new DateTimeOffset(file.LastModified ?? DateTime.UnixEpoch))));
                if (page.IsTruncated != true)
                {
                    return files;
                }

                request.Marker = page.S3Objects![^1].Key;
            }
        });

    public async Task TouchAsync(string name, CancellationToken cancel)
    {
        var listed = await ListAsync(name, cancel);
        if (listed.FirstOrDefault(file => file.Name == name) is { } file
            && _clock.GetUtcNow() - file.ModifiedAt > TouchInterval
            && await this.ReadAsync(name, cancel) is { } content)
        {
            await WriteAsync(name, content, cancel);
        }
    }

    public Task DeleteAsync(string name, CancellationToken cancel) =>
        GuardAsync(client => client.DeleteObjectAsync(_place.Bucket, KeyOf(name), cancel));

    public async Task DeleteFolderAsync(string folder, CancellationToken cancel)
    {
        foreach (var file in await ListAsync(folder + "/", cancel))
        {
            await DeleteAsync(file.Name, cancel);
        }
    }

    public void Dispose()
    {
        if (_client.IsValueCreated)
        {
            _client.Value.Dispose();
        }
    }

    private AmazonS3Client Connect()
    {
        var settings = new AmazonS3Config
        {
            ForcePathStyle = true,
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            Timeout = TimeSpan.FromSeconds(CallSeconds),
            MaxErrorRetry = Retries,
        };
        if (_place.Endpoint is { } endpoint)
        {
            settings.ServiceURL = endpoint.ToString();
            settings.AuthenticationRegion = _place.Region ?? "us-east-1";
        }
        else if (_place.Region is { } region)
        {
            settings.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(region);
        }

        return new(settings);
    }

    private Task<GetObjectResponse> ReopenAsync(GetObjectResponse whole, long from, CancellationToken cancel) => GuardAsync(
        async client =>
        {
            var request = new GetObjectRequest
            {
                BucketName = _place.Bucket,
                Key = whole.Key,
                ByteRange = new ByteRange(from, whole.ContentLength - 1),
            };
            var rest = await client.GetObjectAsync(request, cancel);
            if (rest.ETag == whole.ETag)
            {
                return rest;
            }

            rest.Dispose();
            throw new StorageException("The file was replaced while it was being read. Try again.");
        });

    private string KeyOf(string name) => _place.Prefix + name;

    private async Task<T> GuardAsync<T>(Func<AmazonS3Client, Task<T>> call)
    {
        try
        {
            return await call(_client.Value);
        }
        catch (Exception e) when (IsFault(e))
        {
            throw new StorageException(Describe(e), e);
        }
    }

    /// <summary>Returns whether an exception means that object storage could not be used.</summary>
    internal static bool IsFault(Exception e) =>
        e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or TimeoutException;

    /// <summary>Returns a message for callers about why object storage cannot be used, without addresses or keys.</summary>
    private string Describe(Exception e) => e switch
    {
        AmazonS3Exception { ErrorCode: "NoSuchBucket" } =>
            $"The bucket {_place.Bucket} of Yue:Files does not exist. Create it, or correct Yue:Files.",
        AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized } =>
            $"The object storage of Yue:Files rejects the access key of this process for bucket {_place.Bucket}.",
        AmazonClientException when e.InnerException is not HttpRequestException =>
            "There is no access key for the object storage of Yue:Files.",
        _ => "The object storage of Yue:Files cannot be reached.",
    };
}
