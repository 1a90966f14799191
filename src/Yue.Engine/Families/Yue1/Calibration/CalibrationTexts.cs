namespace Yue.Engine.Families.Yue1.Calibration;

/// <summary>The lyrics and genre lines of the songs that a model sings for its own calibration.</summary>
internal static class CalibrationTexts
{
    private static readonly string[] Genres =
    [
        "folk guitar female bright 100 bpm",
        "rock electric guitar male energetic 136 bpm",
        "gospel organ female warm 107 bpm",
        "pop piano male soft ballad 80 bpm",
        "electronic synthesizer female uplifting dance 128 bpm",
        "jazz piano male smoky slow 70 bpm",
        "orchestral strings female cinematic 90 bpm",
        "hip hop drums male rhythmic 95 bpm",
    ];

    private static readonly string[] English =
    [
        "[verse]\nMorning light on the river road\nI hear the summer sing\n\n"
            + "[chorus]\nStay with me until the stars\nTake us under their wing",
        "[verse]\nNever let me go tonight\nRun with me along the sea\n\n"
            + "[chorus]\nHold me in the falling rain\nCome and sing a song with me",
        "[verse]\nWalking home on empty streets\nCounting every window light\n\n"
            + "[chorus]\nWe were young and we were free\nBurning brighter than the night",
        "[verse]\nSnow is on the mountain now\nSmoke is rising from the town\n\n"
            + "[chorus]\nOpen up the door again\nLet the winter all come down",
    ];

    private static readonly string[] Chinese =
    [
        "[verse]\n清晨的光照在河边\n我听见夏天在歌唱\n\n"
            + "[chorus]\n陪着我直到星光\n落在我们的肩上",
        "[verse]\n空荡的街走回家\n窗里的灯一盏盏亮\n\n"
            + "[chorus]\n那时我们多年轻\n比夜空更明亮",
        "[verse]\n海风吹过旧的船\n你的名字我还记得\n\n"
            + "[chorus]\n请你不要说再见\n等雨停了再走吧",
        "[verse]\n雪落在远方的山\n炊烟升起在小村庄\n\n"
            + "[chorus]\n把那扇门再打开\n让冬天也有暖阳",
    ];

    private static readonly string[] JapaneseAndKorean =
    [
        "[verse]\n朝の光が川に落ちて\n夏の歌が聞こえる\n\n"
            + "[chorus]\n星が空に消えるまで\nそばにいてほしい",
        "[verse]\n텅 빈 거리를 걸어가며\n창문의 불빛을 세어 봐\n\n"
            + "[chorus]\n우리는 젊고 자유로웠어\n밤보다 더 밝게 빛났지",
        "[verse]\n海の風が古い船に\n君の名前を運ぶ\n\n"
            + "[chorus]\nさよならは言わないで\n雨がやむまで待って",
        "[verse]\n먼 산에 눈이 내리고\n마을에 연기가 피어올라\n\n"
            + "[chorus]\n그 문을 다시 열어 줘\n겨울도 따뜻해지도록",
    ];

    /// <summary>Returns the lyrics and the genre line of a song.</summary>
    /// <param name="checkpoint">The name of the checkpoint's folder, which includes the code of its languages, such as <c>-zh</c>.</param>
    /// <param name="song">The number of the song, from 0.</param>
    public static (string Lyrics, string Genre) Of(string checkpoint, int song)
    {
        var lyrics = checkpoint.Contains("-zh", StringComparison.OrdinalIgnoreCase) ? Chinese
            : checkpoint.Contains("-jp", StringComparison.OrdinalIgnoreCase) ? JapaneseAndKorean
            : English;
        return (lyrics[song % lyrics.Length], Genres[song % Genres.Length]);
    }
}
