namespace Yue.Bench;

/// <summary>Lyrics in six scripts for a library of songs, with words of known frequency.</summary>
internal static class LibrarySongs
{
    /// <summary>A word in most songs in Latin script.</summary>
    public const string CommonWord = "light";

    /// <summary>A word in most Korean songs.</summary>
    public const string CommonHangulWord = "사랑";

    /// <summary>A word in one out of every <see cref="RareEvery"/> songs.</summary>
    public const string RareWord = "chrysanthemum";

    /// <summary>Four words in sequence, in one out of every <see cref="RareEvery"/> songs; each word alone occurs in many.</summary>
    public const string RareLine = "river under silver window";

    /// <summary>A character in most Chinese and many Japanese songs.</summary>
    public const string CommonCharacter = "月";

    /// <summary>A character in one out of every <see cref="RareEvery"/> songs.</summary>
    public const string RareCharacter = "鯨";

    /// <summary>A word in no song.</summary>
    public const string MissingWord = "zeppelin";

    /// <summary>The rare texts occur in one out of this many songs.</summary>
    public const int RareEvery = 2000;

    private const int Lines = 12;

    private static readonly (string[] Words, string Separator)[] Scripts =
    [
        (("river light silver morning hold me now and never let the window go under falling stars we were running home again love "
            + "street summer heart of stone").Split(' '), " "),
        ("月 光 河流 夜晚 星星 回家 雨 城市 春天 梦 我 你 心 海 风 山 花 路 时间 永远".Split(' '), ""),
        ("ひかり よる かわ ほし 月 あめ まち ゆめ こころ うみ かぜ みち ずっと きみ と ぼく の ハナ カゼ ソラ".Split(' '), ""),
        ("사랑 빛 강 밤 별 비 도시 꿈 마음 바다 바람 길 영원히 너와 나의 봄날 노래 다시 집으로 가자".Split(' '), " "),
        ("نور قمر ليل نهر نجوم مطر مدينة حلم قلب بحر ريح طريق دائما أنت وأنا ربيع أغنية إلى البيت حب".Split(' '), " "),
        ("свет луна ночь река звёзды дождь город мечта сердце море ветер дорога всегда ты и я весна песня домой любовь".Split(' '), " "),
    ];

    private static readonly string[] Genres =
    [
        "inspiring female uplifting pop airy vocal", "slow sad ballad strings male", "fast punk rock male", "folk guitar female",
        "electronic dance female bright vocal", "jazz piano male vocal",
    ];

    /// <summary>Returns the genre line and the lyrics of a song.</summary>
    public static (string Genre, string Lyrics) Song(int number)
    {
        var random = new Random(number);
        var (words, separator) = Scripts[number % Scripts.Length];
        string Line() => string.Join(separator, Enumerable.Range(0, random.Next(5, 10)).Select(_ => words[random.Next(words.Length)]));
        var lines = Enumerable.Range(0, Lines).Select(_ => Line()).ToList();
        if (number % RareEvery == 1)
        {
            lines.AddRange([RareLine, RareWord, RareCharacter]);
        }

        var half = lines.Count / 2;
        return (
            Genres[random.Next(Genres.Length)],
            $"[verse]\n{string.Join('\n', lines.Take(half))}\n\n[chorus]\n{string.Join('\n', lines.Skip(half))}");
    }
}
