// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/secure_boot.hpp"

namespace baton::arm64::efi {
namespace {

constexpr u32 attribute_runtime_access = 4;

struct Variable {
    Status status = not_found;
    u32 attributes = 0;
    u8 value = 0;
};

Variable read_variable(const Loader& loader, const char16_t* name, const Guid& vendor) {
    Variable variable;
    usize size = sizeof(variable.value);
    variable.status = loader.system().runtime->get_variable(name, &vendor, &variable.attributes,
                                                            &size, &variable.value);
    return variable;
}

} // namespace

SecureBoot read_secure_boot(const Loader& loader) {
    const Variable secure = read_variable(loader, u"SecureBoot", global_variable_guid);
    if (secure.status == not_found) {
        return SecureBoot::disabled;
    }
    if (failed(secure.status)) {
        return SecureBoot::unknown;
    }
    const Variable setup = read_variable(loader, u"SetupMode", global_variable_guid);
    if (secure.value == 0 || (!failed(setup.status) && setup.value == 1)) {
        return SecureBoot::disabled;
    }
    // One that an operating system can write says nothing.
    const Variable shim = read_variable(loader, u"MokSBState", shim_lock_guid);
    const bool trusted = (shim.attributes & attribute_runtime_access) == 0;
    return !failed(shim.status) && trusted && shim.value == 1 ? SecureBoot::disabled
                                                              : SecureBoot::enabled;
}

} // namespace baton::arm64::efi
