namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The number format to which the sampling chain rounds every result.</summary>
public enum StageRounding
{
    /// <summary>No rounding: results stay float32.</summary>
    None,

    /// <summary>Rounding to the nearest bfloat16, with ties to even. The reference does this if the song's plan is off and the model
    /// runs in bfloat16.</summary>
    BFloat16,
}

/// <summary>Rounds numbers.</summary>
internal static class StageRoundings
{
    /// <summary>Returns the value rounded to the format, still stored as a float.</summary>
    public static float Round(this StageRounding rounding, float value)
    {
        if (rounding == StageRounding.None || !float.IsFinite(value))
        {
            return value;
        }

        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
