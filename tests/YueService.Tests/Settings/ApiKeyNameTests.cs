using System.Security.Cryptography;
using System.Text;
using Xunit;
using YueService.Settings;

namespace YueService.Tests.Settings;

/// <summary>Tests the names of API keys.</summary>
public sealed class ApiKeyNameTests
{
    [Fact]
    public void A_name_depends_only_on_its_key_and_is_not_part_of_the_hash_of_the_key()
    {
        var name = ApiKeyName.Of("key-one");
        Assert.Matches("^[0-9a-f]{16}$", name);
        Assert.Equal(name, ApiKeyName.Of("key-one"));
        Assert.NotEqual(name, ApiKeyName.Of("key-two"));
        Assert.DoesNotContain(
            name, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("key-one"))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_stays_the_same_in_every_release()
    {
        // Computed with: printf 'yue key name' | openssl dgst -sha256 -hmac key-one
        Assert.Equal("f6355dd86bca37b7", ApiKeyName.Of("key-one"));
    }
}
