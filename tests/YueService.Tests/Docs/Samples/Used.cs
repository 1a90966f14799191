namespace YueService.Tests.Docs.Samples;

internal class UsedBase;

internal interface IUsedByImplementation;

internal sealed class UsedInField;

internal sealed class UsedInParameter;

internal sealed class UsedInResult;

internal sealed class UsedInConstruction;

internal sealed class UsedInLambda;

internal sealed class UsedInAsyncMethod;

internal sealed class UsedInIterator;

internal sealed class UsedInGenericType;

internal sealed class UsedInGenericCall;

internal interface IUsedInConstraint;

internal sealed class UsedInCast;

internal sealed class UsedInArray;

internal sealed class UsedInTypeOf;

internal sealed class UsedInTypeOfOfAttribute;

internal sealed class UsedInNestedType;

internal sealed class UsedOnlyByCalls
{
    public static int Count => 1;
}

internal sealed class UsedInCatch : Exception;

[AttributeUsage(AttributeTargets.All)]
internal sealed class UsedAttribute(Type type) : Attribute
{
    public Type Type => type;
}
