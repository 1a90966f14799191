using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class FieldBoundsTests(FieldBoundsTests.App app) : IClassFixture<FieldBoundsTests.App>
{
    /// <summary>Field, value, and a part of the expected message.</summary>
    public static TheoryData<string, string, string> Faults => new()
    {
        { "lyrics", "null", "is missing" },
        { "lyrics", "\"\"", "1 to 20000 characters" },
        { "lyrics", "\" \\n\\t\\u3000 \"", "is blank" },
        { "lyrics", "\"[verse]\\n♪ … — !\"", "has no letter or number to sing" },
        { "lyrics", "\"[ti:My Song]\\n[00:01.00]\"", "has no letter or number to sing" },
        { "lyrics", "3", "is the number 3; send text of 1 to 20000 characters" },
        { "lyrics", "[\"la\"]", "is the array [\"la\"]; send text of" },
        { "lyrics", "true", "is true" },
        { "lyrics", "\"la \\ud800 la\"", "\\ud800, half of a surrogate pair" },
        { "lyrics", "\"la \\ude00\\ud83d la\"", "\\ude00, half of a surrogate pair" },
        { "lyrics", "\"\\ud83d\\ude00 \\uDBFF\"", "\\uDBFF, half of a surrogate pair" },
        { "lyrics", "\"la\\u0000la\"", "NUL character (\\u0000) at position 2" },
        { "genre", "7", "is the number 7; send text of 0 to 1000 characters" },
        { "genre", "{}", "is the object {}; send text" },
        { "genre", "\"\\udfff\"", "\\udfff" },
        { "max_new_tokens", "99", "is 99; send a whole number from 100 to 10000, or leave it out (default: 3000)." },
        { "max_new_tokens", "10001", "is 10001; send a whole number from 100 to 10000" },
        { "max_new_tokens", "\"3\"", "is the text \"3\"; send a whole number from 100 to 10000, without quotes, or leave it out" },
        { "max_new_tokens", "3000.5", "is 3000.5; send a whole number" },
        { "max_new_tokens", "3000.0", "is 3000.0; send a whole number" },
        { "max_new_tokens", "3e3", "is 3e3; send a whole number" },
        { "max_new_tokens", "99999999999999999999", "is 99999999999999999999; send a whole number" },
        { "max_new_tokens", "true", "is true; send a whole number" },
        { "run_n_segments", "-1", "is -1; send a whole number from 0 to 10" },
        { "run_n_segments", "11", "is 11; send a whole number from 0 to 10" },
        { "run_n_segments", "[]", "send a whole number" },
        { "seed", "9223372036854775808", "from -9223372036854775808 to 9223372036854775807" },
        { "seed", "-9223372036854775809", "from -9223372036854775808" },
        { "seed", "1.5", "is 1.5" },
        { "seed", "\"42\"", "is the text \"42\"; send a whole number" },
        { "model", "\"nosuch\"", "is \"nosuch\"; send \"en-cot\" or \"en-icl\"" },
        { "model", "\"s2\"", "send \"en-cot\" or \"en-icl\"" },
        { "model", "\"\\ud800\"", "send \"en-cot\" or \"en-icl\"" },
        { "model", "1", "is the number 1" },
        { "stage", "\"half\"", "is \"half\"; send \"full\", \"draft\", \"finish\" or \"score\", or leave it out (default: \"full\")." },
        { "stage", "1", "is the number 1" },
        { "instrumental", "\"yes\"", "is the text \"yes\"; send true or false, or leave it out (default: false)." },
        { "return_codes", "1", "is the number 1; send true or false" },
        { "replace_section", "0", "is 0; send a whole number from 1 to 100, or leave it out (default: no section)." },
        { "replace_section", "101", "from 1 to 100" },
        { "replace_section", "1.5", "is 1.5" },
        { "target_seconds", "0.99", "is 0.99; send a number from 1 to 900 or an array of such numbers, or leave it out" },
        { "target_seconds", "100.5", "requests 100.5 s, but a section can last at most 100 s; send a number from 1 to 100" },
        { "target_seconds", "\"20\"", "is the text \"20\"" },
        { "target_seconds", "[]", "has 0 items; send an array of 1 to 100 numbers" },
        { "target_seconds", "{}", "is the object {}" },
        { "continue_from", "3", "is the number 3; send the id of a finished song, or codes" },
        { "continue_from", "[]", "is the array []" },
        { "continue_from", "true", "is true" },
        { "continue_from", "\"nosuch\"", "is \"nosuch\", but there is no such song" },
        { "continue_from", "\"\\ud800\"", "there is no such song" },
        { "output.fade_out_seconds", "-1", "is -1; send a number from 0 to 30, or leave it out (default: 1)." },
        { "output.fade_out_seconds", "31", "from 0 to 30" },
        { "output", "\"wav\"", "is the text \"wav\"; send an object" },
        { "output", "[1]", "is the array [1]; send an object" },
        { "sampling", "1", "is the number 1; send an object" },
        { "output.sample_rate", "48000", "is 48000; send 44100 or 16000, or leave it out (default: 44100)." },
        { "output.sample_rate", "\"16000\"", "is the text \"16000\"; send 44100 or 16000, without quotes" },
        { "output.sample_rate", "44100.0", "is 44100.0" },
        { "output.format", "\"ogg\"", "is \"ogg\"; send \"wav\", \"flac\" or \"mp3\"" },
        { "output.format", "\"WAV\"", "send \"wav\"" },
        { "output.format", "1", "is the number 1" },
        { "output.stems", "\"true\"", "is the text \"true\"; send true or false, without quotes" },
        { "output.stems", "1", "send true or false" },
        { "sampling.temperature", "0", "is 0; send a number from 0.05 to 5" },
        { "sampling.temperature", "5.01", "is 5.01" },
        { "sampling.temperature", "\"1\"", "is the text \"1\"" },
        { "sampling.temperature", "1e999", "is 1e999" },
        { "sampling.top_p", "0", "is 0; send a number from 0.01 to 1, or leave it out (default: 0.93)." },
        { "sampling.top_p", "1.01", "is 1.01" },
        { "sampling.top_p", "false", "is false" },
        { "sampling.top_k", "-1", "from 0 to 1000" },
        { "sampling.top_k", "1001", "from 0 to 1000" },
        { "sampling.top_k", "50.5", "is 50.5; send a whole number" },
        { "sampling.repetition_penalty", "0.99", "from 1 to 2" },
        { "sampling.repetition_penalty", "2.01", "from 1 to 2" },
        { "sampling.repetition_penalty", "{}", "is the object {}" },
        { "sampling.guidance_scale", "0.5", "from 1 to 10" },
        { "sampling.guidance_scale", "10.5", "from 1 to 10" },
        { "sampling.guidance_scale", "\"NaN\"", "is the text \"NaN\"; send a number from 1 to 10, or leave" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task An_invalid_field_is_reported_with_its_value_and_bounds(string path, string value, string expected)
    {
        using var client = app.Service.CreateClient();
        using var response = await client.PredictAsync(Body([(path, value)]));
        var (field, message) = Assert.Single(await response.FieldErrorsAsync());
        Assert.Equal(path, field);
        Assert.StartsWith(path + " ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_invalid_item_of_an_array_is_reported()
    {
        using var client = app.Service.CreateClient();
        using var targets = await client.PredictAsync("""{"lyrics":"la","target_seconds":[0.5,20,"30",null,901]}""");
        var faults = await targets.FieldErrorsAsync();
        Assert.Equal(["target_seconds[0]", "target_seconds[2]", "target_seconds[3]", "target_seconds[4]"], faults.Keys.Order());
        Assert.Equal("target_seconds[2] is the text \"30\"; send a number from 1 to 900, without quotes.", faults["target_seconds[2]"]);

        using var codes = await client.PredictAsync(
            """
            {"lyrics":"la","continue_from":{"model":"en-cot","sections":[
                {"tag":"verse","vocal":[1,-1,1024],"instrumental":["1",2,2.5]},7,{"tag":"chorus","vocal":[true],"instrumental":[]}]}}
            """);
        Assert.Equal(
            [
                "continue_from.sections[0].instrumental[0]", "continue_from.sections[0].instrumental[2]",
                "continue_from.sections[0].vocal[1]", "continue_from.sections[0].vocal[2]", "continue_from.sections[1]",
                "continue_from.sections[2].instrumental", "continue_from.sections[2].vocal[0]",
            ],
            (await codes.FieldErrorsAsync()).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Thousands_of_invalid_items_get_a_short_response()
    {
        using var client = app.Service.CreateClient();
        var codes = string.Join(',', Enumerable.Repeat("-1", 5000));
        using var response = await client.PredictAsync(
            $$$"""
            {"continue_from":{"model":"en-cot","sections":[{"tag":"verse","vocal":[{{{codes}}}],"instrumental":[{{{codes}}}]}]}}
            """);
        var faults = await response.FieldErrorsAsync();
        Assert.Equal(501, faults.Count);

        // There are 10,000 invalid codes, and the lyrics are missing; 500 of these errors are listed.
        Assert.Equal("errors that are not listed: 9501", faults["$"]);
    }

    [Fact]
    public async Task All_invalid_fields_are_reported_in_one_response()
    {
        var faults = Faults.Select(row => row.Data)
            .Where(row => row.Item1 is not ("output" or "sampling")).DistinctBy(row => row.Item1).ToArray();
        using var client = app.Service.CreateClient();
        using var response = await client.PredictAsync(Body([.. faults.Select(row => (row.Item1, row.Item2))]));
        Assert.Equal(faults.Select(row => row.Item1).Order(), (await response.FieldErrorsAsync()).Keys.Order());
        Assert.Equal(21, faults.Length);
    }

    [Theory]
    [InlineData("max_new_tokens", "100")]
    [InlineData("max_new_tokens", "10000")]
    [InlineData("run_n_segments", "0")]
    [InlineData("run_n_segments", "10")]
    [InlineData("seed", "9223372036854775807")]
    [InlineData("seed", "-9223372036854775808")]
    [InlineData("genre", "\"\"")]
    [InlineData("target_seconds", "1")]
    [InlineData("target_seconds", "[100.0]")]
    [InlineData("output.fade_out_seconds", "0")]
    [InlineData("output.format", "\"flac\"")]
    [InlineData("output.sample_rate", "16000")]
    [InlineData("sampling.temperature", "0.05")]
    [InlineData("sampling.top_p", "1.0")]
    [InlineData("sampling.top_k", "1000")]
    [InlineData("sampling.repetition_penalty", "2")]
    [InlineData("sampling.guidance_scale", "1e0")]
    public async Task The_bounds_themselves_are_allowed(string path, string value)
    {
        using var client = app.Service.CreateClient();
        using var response = await client.PredictAsync(Body([(path, value)]));
        await response.SongAsync();
    }

    [Theory]
    [InlineData(20_000, true)]
    [InlineData(20_001, false)]
    public async Task Lyrics_are_counted_in_characters_not_in_UTF16_code_units(int characters, bool allowed)
    {
        using var client = app.Service.CreateClient();
        var lyrics = string.Concat(Enumerable.Repeat("😀", characters - 1));
        using var response = await client.PredictAsync(Body([("lyrics", $"\"a{lyrics}\"")]));
        if (allowed)
        {
            await response.SongAsync();
            return;
        }

        var fault = Assert.Single(await response.FieldErrorsAsync());
        Assert.Equal(("lyrics", "lyrics has 20001 characters; send text of 1 to 20000 characters."), (fault.Key, fault.Value));
    }

    [Fact]
    public async Task A_genre_of_a_thousand_and_one_characters_is_too_long()
    {
        using var client = app.Service.CreateClient();
        using var response = await client.PredictAsync(Body([("genre", $"\"{new string('x', 1001)}\"")]));
        Assert.Contains("has 1001 characters", (await response.FieldErrorsAsync())["genre"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"lyrics\"")]
    [InlineData("null")]
    [InlineData("3")]
    public async Task A_body_that_is_not_an_object_is_refused(string body)
    {
        using var client = app.Service.CreateClient();
        using var response = await client.PredictAsync(body);
        Assert.Equal(["$"], (await response.FieldErrorsAsync()).Keys);
    }

    /// <summary>Returns a body with the given fields, nested by the dots in their paths, and with lyrics if none are given.</summary>
    private static string Body((string Path, string Value)[] fields)
    {
        var top = fields.Where(field => !field.Path.Contains('.')).Select(field => $"\"{field.Path}\":{field.Value}");
        var nested = fields.Where(field => field.Path.Contains('.')).GroupBy(field => field.Path.Split('.')[0]).Select(group =>
            $"\"{group.Key}\":{{{string.Join(',', group.Select(field => $"\"{field.Path.Split('.')[1]}\":{field.Value}"))}}}");
        var lyrics = fields.Any(field => field.Path == "lyrics") ? [] : new[] { "\"lyrics\":\"la\"" };
        return $"{{{string.Join(',', lyrics.Concat(top).Concat(nested))}}}";
    }

    public sealed class App : IDisposable
    {
        internal YueApp Service { get; } = new();

        public void Dispose() => Service.Dispose();
    }
}
