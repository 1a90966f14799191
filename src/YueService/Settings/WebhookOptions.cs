namespace YueService.Settings;

/// <summary>The settings of webhooks, in the same section as the engine's settings.</summary>
internal sealed class WebhookOptions
{
    private const string Prefix = "whsec_";

    /// <summary>The settings in the group <c>Webhooks</c>.</summary>
    public WebhookSettings Webhooks { get; set; } = new();

    /// <summary>Returns true if webhooks are sent.</summary>
    public bool AreEnabled() => Webhooks.Secret is { Length: > 0 } || Webhooks.SecretFile is { Length: > 0 };

    /// <summary>Returns the key that signs webhooks; null if the secret is invalid.</summary>
    /// <exception cref="IOException">The secret's file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The secret's file cannot be read.</exception>
    public byte[]? Key()
    {
        var secret = Webhooks.Secret is { Length: > 0 } text ? text : File.ReadAllText(Webhooks.SecretFile!);
        secret = secret.Trim();
        if (!secret.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var key = new byte[secret.Length];
        return Convert.TryFromBase64String(secret[Prefix.Length..], key, out var length) && length is >= 24 and <= 64
            ? key[..length]
            : null;
    }
}

/// <summary>The settings in the group <c>Webhooks</c>.</summary>
internal sealed class WebhookSettings
{
    /// <summary>The secret that signs webhooks: <c>whsec_</c> followed by 24 to 64 bytes in base64. Without a secret, no
    /// webhooks are sent.</summary>
    public string? Secret { get; set; }

    /// <summary>A file with the secret, instead of <c>Secret</c>.</summary>
    public string? SecretFile { get; set; }

    /// <summary>True if webhooks may go to addresses that are not public: loopback, private and link-local addresses.</summary>
    public bool AllowPrivateAddresses { get; set; }
}
