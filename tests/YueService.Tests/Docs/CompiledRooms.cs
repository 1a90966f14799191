using Mono.Cecil;
using Mono.Cecil.Cil;

namespace YueService.Tests.Docs;

/// <summary>A dependency of one folder on another.</summary>
/// <param name="Folder">The folder of the dependent type, relative to src, such as <c>Yue.Engine/Audio</c>.</param>
/// <param name="User">The full name of the dependent type, or its file.</param>
/// <param name="UsedFolder">The folder of the type that is used.</param>
/// <param name="Used">The full name of the type that is used, or its namespace.</param>
internal sealed record RoomUse(string Folder, string User, string UsedFolder, string Used);

/// <summary>Reads the dependencies between types in different folders from compiled assemblies. Namespaces correspond to folders.</summary>
/// <remarks>Nested types and types that the compiler generates count as the type that contains them. Types in constants, <c>nameof</c>
/// and comments leave no trace in an assembly; <see cref="SourceRooms"/> finds their <c>using</c> lines.</remarks>
internal sealed class CompiledRooms
{
    private readonly HashSet<RoomUse> _uses = [];
    private readonly HashSet<string> _folders = [];

    public CompiledRooms(params IEnumerable<string> assemblies)
    {
        // The enumerations in the arguments of attributes are looked up in the assemblies that declare them.
        using var libraries = new DefaultAssemblyResolver();
        var paths = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        foreach (var folder in paths.Split(Path.PathSeparator).Select(Path.GetDirectoryName).Distinct())
        {
            libraries.AddSearchDirectory(folder);
        }

        foreach (var path in assemblies)
        {
            using var module = ModuleDefinition.ReadModule(path, new ReaderParameters { AssemblyResolver = libraries });
            foreach (var type in module.GetTypes())
            {
                if (FolderOf(type) is { } folder)
                {
                    _folders.Add(folder);
                    new Reader(used => Add(type, used)).Type(type);
                }
            }
        }
    }

    /// <summary>The project folders in src, which are also the first parts of the namespaces. A longer name precedes its prefix.</summary>
    public static IReadOnlyList<string> Projects { get; } = ["Yue.Cuda", "Yue.Engine", "YueService.Client", "YueService"];

    /// <summary>The folders that contain types.</summary>
    public IReadOnlyCollection<string> Folders => _folders;

    /// <summary>The dependencies between types in different folders, each listed once.</summary>
    public IReadOnlyCollection<RoomUse> Uses => _uses;

    /// <summary>Returns the folder of a namespace, or null for the namespaces of libraries and source generators.</summary>
    public static string? FolderOf(string namespaceName)
    {
        var project = Projects.FirstOrDefault(
            name => namespaceName == name || namespaceName.StartsWith(name + ".", StringComparison.Ordinal));
        return project is null ? null : project + namespaceName[project.Length..].Replace('.', '/');
    }

    private void Add(TypeReference type, TypeReference used)
    {
        if (FolderOf(type) is { } from && FolderOf(used) is { } to && from != to)
        {
            _uses.Add(new RoomUse(from, Outermost(type).FullName, to, Outermost(used).FullName));
        }
    }

    /// <summary>Returns the folder of a type. Program has no namespace and belongs to the service.</summary>
    private static string? FolderOf(TypeReference type) =>
        Outermost(type) is { Namespace: "", Name: nameof(Program) } ? Projects[^1] : FolderOf(Outermost(type).Namespace);

    private static TypeReference Outermost(TypeReference type) => type.DeclaringType is null ? type : Outermost(type.DeclaringType);

    /// <summary>Visits all types that a type refers to.</summary>
    private sealed class Reader(Action<TypeReference> found)
    {
        public void Type(TypeDefinition type)
        {
            Mention(type.BaseType);
            Attributes(type);
            Generics(type);
            foreach (var implemented in type.Interfaces)
            {
                Mention(implemented.InterfaceType);
            }

            foreach (var field in type.Fields)
            {
                Mention(field.FieldType);
                Attributes(field);
            }

            foreach (var property in type.Properties)
            {
                Attributes(property);
            }

            foreach (var method in type.Methods)
            {
                Method(method);
            }
        }

        private void Method(MethodDefinition method)
        {
            Mention(method.ReturnType);
            Attributes(method);
            Attributes(method.MethodReturnType);
            Generics(method);
            foreach (var parameter in method.Parameters)
            {
                Mention(parameter.ParameterType);
                Attributes(parameter);
            }

            if (method.HasBody)
            {
                Body(method.Body);
            }
        }

        private void Body(MethodBody body)
        {
            foreach (var local in body.Variables)
            {
                Mention(local.VariableType);
            }

            foreach (var handler in body.ExceptionHandlers)
            {
                Mention(handler.CatchType);
            }

            foreach (var instruction in body.Instructions)
            {
                switch (instruction.Operand)
                {
                    case TypeReference type:
                        Mention(type);
                        break;
                    case FieldReference field:
                        Mention(field.DeclaringType);
                        Mention(field.FieldType);
                        break;
                    case MethodReference called:
                        Mention(called.DeclaringType);
                        Mention(called.ReturnType);
                        if (called is GenericInstanceMethod generic)
                        {
                            MentionAll(generic.GenericArguments);
                        }

                        break;
                }
            }
        }

        private void Attributes(ICustomAttributeProvider on)
        {
            foreach (var attribute in on.CustomAttributes)
            {
                Mention(attribute.AttributeType);
                foreach (var argument in attribute.ConstructorArguments.Concat(attribute.Properties.Select(set => set.Argument)))
                {
                    Mention(argument.Type);
                    Mention(argument.Value as TypeReference);
                }
            }
        }

        private void Generics(IGenericParameterProvider on) =>
            MentionAll(on.GenericParameters.SelectMany(parameter => parameter.Constraints).Select(bound => bound.ConstraintType));

        private void MentionAll(IEnumerable<TypeReference> types)
        {
            foreach (var type in types)
            {
                Mention(type);
            }
        }

        private void Mention(TypeReference? type)
        {
            switch (type)
            {
                case null or GenericParameter:
                    return;
                case GenericInstanceType generic:
                    Mention(generic.ElementType);
                    MentionAll(generic.GenericArguments);
                    return;
                case FunctionPointerType pointer:
                    Mention(pointer.ReturnType);
                    MentionAll(pointer.Parameters.Select(parameter => parameter.ParameterType));
                    return;
                case TypeSpecification specification:
                    Mention(specification.ElementType);
                    return;
                default:
                    found(type);
                    return;
            }
        }
    }
}
