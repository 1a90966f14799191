using YueService.Tests.Docs.Samples;

namespace YueService.Tests.Docs;

/// <summary>Uses each sample type in one way.</summary>
internal sealed class SampleUser : UsedBase, IUsedByImplementation
{
    public static readonly UsedInField Field = new();

    [Used(typeof(UsedInTypeOfOfAttribute))]
    public UsedInResult? Result { get; set; }

    public static void Method(UsedInParameter? parameter, object value)
    {
        object[] made = [new UsedInConstruction(), parameter!, typeof(UsedInTypeOf), UsedOnlyByCalls.Count];
        var lambda = () => new UsedInLambda();
        try
        {
            _ = ((UsedInCast)value).GetHashCode() + made.OfType<UsedInGenericCall>().Count() + lambda().GetHashCode();
        }
        catch (UsedInCatch)
        {
        }
    }

    public static async Task MethodAsync()
    {
        await Task.Yield();
        _ = new UsedInAsyncMethod().ToString();
    }

    public static IEnumerable<object> Iterator()
    {
        yield return new UsedInIterator();
    }

    public static List<List<UsedInGenericType>> Generic<T>(UsedInArray[,] array)
        where T : IUsedInConstraint => array.Length > 0 ? [] : [[]];

    private sealed class Nested
    {
        public static UsedInNestedType Make() => new();
    }
}
