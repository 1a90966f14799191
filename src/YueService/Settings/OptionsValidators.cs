using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;

namespace YueService.Settings;

/// <summary>Checks each engine setting against its attribute.</summary>
[OptionsValidator]
internal sealed partial class EngineOptionsValidator : IValidateOptions<EngineOptions>;

/// <summary>Checks each separator setting against its attribute.</summary>
[OptionsValidator]
internal sealed partial class SeparatorOptionsValidator : IValidateOptions<SeparatorOptions>;

/// <summary>Checks each service setting against its attribute.</summary>
[OptionsValidator]
internal sealed partial class ServiceOptionsValidator : IValidateOptions<ServiceOptions>;

/// <summary>Checks each job setting against its attribute.</summary>
[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;

/// <summary>Checks each setting for shared jobs against its attribute.</summary>
[OptionsValidator]
internal sealed partial class StoreOptionsValidator : IValidateOptions<StoreOptions>;

/// <summary>Checks each access setting against its attribute.</summary>
[OptionsValidator]
internal sealed partial class AccessOptionsValidator : IValidateOptions<AccessOptions>;
