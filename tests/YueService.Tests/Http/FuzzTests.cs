using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class FuzzTests
{
    private const int Bodies = 7000;

    // Seeds of the mutations: a whole request, and pieces that parsers trip over.
    private static readonly byte[] Whole = Encoding.UTF8.GetBytes("""
        {"lyrics":"[verse]\nlove 😀 é\n[chorus]\nla","genre":"pop","max_new_tokens":3000,"run_n_segments":2,"seed":-42,"client_job_id":"a:1","model":"en-cot",
         "stage":"full","instrumental":false,"return_codes":true,"target_seconds":[20.5],"replace_section":null,
         "continue_from":{"model":"en-cot","sections":[{"tag":"verse","vocal":[0,2],"instrumental":[3,1023],"ended":"end_of_audio","unpaired":5}]},
         "output":{"sample_rate":44100,"format":"wav","stems":true,"fade_out_seconds":2},
         "sampling":{"temperature":1.0,"top_p":0.93,"top_k":50,"repetition_penalty":1.1,"guidance_scale":1.5}}
        """);

    private static readonly string[] Pieces =
    [
        "\\ud800", "\\u0000", "\"\\udc00\":1,", "null", "{}", "[]", "1e999", "-0", "1E400", "\"\"", "99999999999999999999", "0.1e-400",
        "\"finish\"", "\"draft\"", "\"continue_from\":", "\"0123456789abcdef0123456789abcdef\"",
        "{\"a\":", "[[[[", "}", ",", ":", "\"lyrics\":", "\"sampling\":{", "true", "\\", "\"", "\ufeff", "//", "NaN", "Infinity", "\u0000",
    ];

    [Fact]
    public async Task No_body_makes_a_500()
    {
        using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var random = new Random(20_240_601);
        var seen = new Dictionary<HttpStatusCode, int>();
        for (var i = 0; i < Bodies; i++)
        {
            var body = Mutate(random);
            var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await client.PredictAsync(content, request =>
            {
                if (random.Next(4) == 0)
                {
                    request.Headers.TryAddWithoutValidation("Prefer", "handling=strict");
                }
            });
            Assert.True((int)response.StatusCode < 500, $"body {i}: {response.StatusCode} for {Convert.ToBase64String(body)}");
            seen[response.StatusCode] = seen.GetValueOrDefault(response.StatusCode) + 1;
            if (response.StatusCode != HttpStatusCode.OK)
            {
                var problem = await response.JsonAsync();
                Assert.StartsWith("urn:yue:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
                Assert.NotEmpty(problem.GetProperty("trace_id").GetString()!);
            }
        }

        // The mutations reach every outcome of reading a body, or they test nothing.
        Assert.All(
            [HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity], status => Assert.True(seen[status] > Bodies / 20));
    }

    private static byte[] Mutate(Random random)
    {
        var body = Whole.ToList();
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = random.Next(body.Count);
            var length = Math.Min(random.Next(1, 12), body.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    body[at] = (byte)random.Next(256);
                    break;
                case 1:
                    body.RemoveRange(at, length);
                    break;
                case 2:
                    body.InsertRange(at, body.GetRange(at, length));
                    break;
                case 3:
                    body.InsertRange(at, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                default:
                    ReplaceToken(body, at, random);
                    break;
            }
        }

        return [.. body];
    }

    /// <summary>Puts a piece in place of the value or name around a position, so that most bodies stay JSON.</summary>
    private static void ReplaceToken(List<byte> body, int at, Random random)
    {
        ReadOnlySpan<byte> edges = "{}[],:\n "u8;
        var (start, end) = (at, at);
        while (start > 0 && !edges.Contains(body[start - 1]))
        {
            start--;
        }

        while (end < body.Count && !edges.Contains(body[end]))
        {
            end++;
        }

        var piece = random.Next(2) == 0 ? Pieces[random.Next(Pieces.Length)] : $"\"{Pieces[random.Next(2)]}{random.Next(100)}\"";
        body.RemoveRange(start, end - start);
        body.InsertRange(start, Encoding.UTF8.GetBytes(piece));
    }
}
