// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/devices.hpp"

#include <span>

namespace baton::arm64::efi {
namespace {

// PCI Local Bus Specification 3.0, 6.1 and 6.2.2
constexpr u32 width_16 = 1;
constexpr u32 width_32 = 2;
constexpr u32 command_offset = 0x4;
constexpr u32 class_offset = 0x8;
constexpr u16 bus_master = 1U << 2;

enum class PciClass : u32 { display = 0x3, bridge = 0x6, communication = 0x7 };

/// Nothing is disconnected from a bridge: its driver would take all handles below it away. The
/// console may be on a screen or a serial line.
bool may_disconnect(PciIo& function) {
    u32 word = 0;
    if (failed(function.configuration.read(&function, width_32, class_offset, 1, &word))) {
        return false;
    }
    const auto kind = static_cast<PciClass>(word >> 24);
    return kind != PciClass::display && kind != PciClass::bridge && kind != PciClass::communication;
}

void clear_bus_master(PciIo& function) {
    u16 command = 0;
    if (failed(function.configuration.read(&function, width_16, command_offset, 1, &command)) ||
        command == 0xffff || (command & bus_master) == 0) {
        return;
    }
    command &= static_cast<u16>(~bus_master);
    (void)function.configuration.write(&function, width_16, command_offset, 1, &command);
}

/// Calls visit(handle, function) for each PCI function that the firmware knows.
template <class Visit>
void for_each_function(Loader& loader, Visit visit) {
    constexpr u32 by_protocol = 2;
    usize size = 0;
    if (loader.boot().locate_handle(by_protocol, &pci_io_guid, nullptr, &size, nullptr) !=
        buffer_too_small) {
        return;
    }
    const auto memory = loader.pages(memory_type::loader_data, size);
    if (!memory) {
        loader.say("warning: there is no memory to list the PCI functions in, so they stay as they "
                   "are");
        return;
    }
    auto* const handles = reinterpret_cast<Handle*>(memory->data());
    if (!failed(loader.boot().locate_handle(by_protocol, &pci_io_guid, nullptr, &size, handles))) {
        for (Handle handle : std::span{handles, size / sizeof(Handle)}) {
            if (auto* const function = loader.protocol_of<PciIo>(handle, pci_io_guid)) {
                visit(handle, *function);
            }
        }
    }
    loader.give_back(*memory);
}

} // namespace

void rest_devices(Loader& loader) {
    for_each_function(loader, [&](Handle handle, PciIo& function) {
        if (may_disconnect(function)) {
            (void)loader.boot().disconnect_controller(handle, nullptr, nullptr);
        }
    });
    for_each_function(loader, [](Handle, PciIo& function) { clear_bus_master(function); });
}

} // namespace baton::arm64::efi
