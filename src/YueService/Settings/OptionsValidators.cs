using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;

namespace YueService.Settings;

/// <summary>Checks each setting of the engine by its attribute.</summary>
[OptionsValidator]
internal sealed partial class EngineOptionsValidator : IValidateOptions<EngineOptions>;

/// <summary>Checks each setting of the separator by its attribute.</summary>
[OptionsValidator]
internal sealed partial class SeparatorOptionsValidator : IValidateOptions<SeparatorOptions>;

/// <summary>Checks each setting of the service by its attribute.</summary>
[OptionsValidator]
internal sealed partial class ServiceOptionsValidator : IValidateOptions<ServiceOptions>;

/// <summary>Checks each setting of jobs by its attribute.</summary>
[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;

/// <summary>Checks each setting of shared jobs by its attribute.</summary>
[OptionsValidator]
internal sealed partial class StoreOptionsValidator : IValidateOptions<StoreOptions>;

/// <summary>Checks each access setting by its attribute.</summary>
[OptionsValidator]
internal sealed partial class AccessOptionsValidator : IValidateOptions<AccessOptions>;
