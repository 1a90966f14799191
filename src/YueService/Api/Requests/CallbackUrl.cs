namespace YueService.Api.Requests;

/// <summary>Reads the address that receives a webhook when a job ends.</summary>
internal static class CallbackUrl
{
    /// <summary>Reads an http or https URL; returns null if it is absent or invalid. An invalid URL is reported.</summary>
    public static string? Read(FieldReader fields, TextField field)
    {
        var text = fields.Text(field);
        if (text is null || (Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https")
            && uri is { UserInfo.Length: 0, Fragment.Length: 0, Host.Length: > 0 }))
        {
            return text;
        }

        fields.Require(
            field,
            $"is \"{JsonText.Cut(text)}\"",
            "an absolute http or https URL without a user name or fragment, such as https://app.example/hooks/yue");
        return null;
    }
}
