using System.Text.Json.Nodes;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Api.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Api.Options;

/// <summary><c>GET /v1/options</c>: everything that a song form needs.</summary>
internal sealed class OptionsHandler(ISongEngine engine, ISongEncoder encoder, IStreamEncoder streams, StemSeparator separator)
{
    /// <summary>Returns the current options. The models are known as soon as the service has read their settings.</summary>
    public OptionsResponse Get()
    {
        var models = engine.Status.SongModels;
        return new()
        {
            Models = [.. models.Select(Show)],
            Formats =
            [
                .. SongFormats.ByName.Select(format => new FormatOption(
                    format.Key, format.Value.MediaType(), encoder.Supports(format.Value))),
            ],
            StreamFormats =
            [
                .. SongStreamHandler.Formats.Select(format => new FormatOption(
                    format.Key, format.Value.MediaType(), streams.Supports(format.Value))),
            ],
            SeparatorAvailable = separator.IsAvailable,
            Tags = TagList.Published,
            Fields = [.. SongFields.All.Select(field => Show(field, models))],
        };
    }

    private static ModelOption Show(ModelDescription model) => new(
        model.Name,
        model.Family.Name,
        model.Family.Title,
        [.. model.Family.Capabilities.Order()],
        model.Family.Scopes,
        model.Family.Licence);

    private static OptionField Show(RequestField field, IReadOnlyList<ModelDescription> models)
    {
        var common = new OptionField
        {
            Name = field.Path,
            Type = TypeOf(field),
            Description = field.Description,
            Required = field.IsRequired,
            Default = field.DefaultJson is { } value ? JsonNode.Parse(value) : null,
            DefaultText = field.FullDefaultText,
            Models = [.. models.Where(model => FamilyRule.Supports(model, field)).Select(model => model.Name)],
        };
        return field switch
        {
            TextField text => common with
            {
                MinLength = text.MinLength,
                MaxLength = text.MaxLength,
                Pattern = text.Characters is null ? null : $"^{text.Characters}*$",
            },
            WholeField { HasBounds: true } whole => common with { Minimum = whole.Min, Maximum = whole.Max },
            NumberField number => common with { Minimum = number.Min, Maximum = number.Max },
            NumbersField numbers => common with
            {
                Minimum = numbers.Min,
                Maximum = MaximumOf(numbers, models),
                MaxItems = numbers.MaxItems,
            },
            NamesField names => common with { Values = names.Names },
            NumberChoiceField choice => common with { Values = [.. choice.Values.Cast<object>()] },
            FileField => common with { MaxBytes = AudioDecoder.MaxBytes, MaxSeconds = AudioDecoder.MaxDurationSeconds },
            _ => common,
        };
    }

    /// <summary>Returns the maximum of a field. If all models sing section by section, target lengths apply to sections, so the maximum is
    /// that of one section.</summary>
    private static double MaximumOf(NumbersField field, IReadOnlyList<ModelDescription> models) =>
        field == SongFields.TargetSeconds && models.All(model => model.Family.SingsSections)
            ? SongLimits.MaxTargetSeconds
            : field.Max;

    private static OptionType TypeOf(RequestField field) => field switch
    {
        TextField => OptionType.Text,
        WholeField => OptionType.Integer,
        NumberField => OptionType.Number,
        NumbersField => OptionType.Numbers,
        FlagField => OptionType.Boolean,
        NamesField or NumberChoiceField => OptionType.Choice,
        FileField => OptionType.File,
        SongField => OptionType.Song,
        _ => throw new ArgumentOutOfRangeException(nameof(field), field, null),
    };
}
