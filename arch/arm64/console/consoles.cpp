// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/console/consoles.hpp"

#include "arch/arm64/hypervisor.hpp"
#include "hyp/log/log.hpp"

namespace baton::arm64 {
namespace {

VmArch& arch_of(VmId vm) { return hypervisor().vm_archs[index(vm)]; }

void transmit(VmId vm, char c) { hypervisor().consoles.output(vm, c); }

/// No device drives that SPI: what a level does is made of its pending state.
void set_line(VmId vm, bool high) {
    VmArch& arch = arch_of(vm);
    if (high) {
        arch.vgic.pend(arch.console_interrupt);
    } else {
        arch.vgic.unpend(arch.console_interrupt);
    }
}

/// In the frame; in front of it a number that no register has.
u32 offset_of(GuestAddr address) {
    return static_cast<u32>(address.value - hypervisor().platform.uart->frame.begin.value);
}
bool read_uart(GuestAddr address, u32 size, u64& value) {
    Vpl011& uart = *this_cpu().vcpu->vm->arch().console;
    value = uart.read(offset_of(address), size);
    return true;
}
bool write_uart(GuestAddr address, u32 size, u64 value) {
    Vpl011& uart = *this_cpu().vcpu->vm->arch().console;
    uart.write(offset_of(address), size, value);
    return true;
}

void write_raw(std::string_view text) { hypervisor().console->write_raw(text); }

void input(VmId to, char c) { (void)arch_of(to).console->input(c); }

/// baton.console
VmId connected_vm() {
    Hypervisor& baton = hypervisor();
    const std::string_view wanted = baton.options.console.view();
    for (const Vm& vm : baton.vms) {
        if (vm.setup().name == wanted) {
            return vm.id();
        }
    }
    if (!wanted.empty()) {
        log::line("warning: option baton.console={} ignored: no VM has that name", wanted);
    }
    return host_vm;
}

} // namespace

bool has_consoles() {
    const Hypervisor& baton = hypervisor();
    return baton.vms.size() > 1 && baton.console && baton.division.vm(host_vm).has_console;
}

void open_consoles() {
    if (!has_consoles()) {
        return;
    }
    Hypervisor& baton = hypervisor();
    const UartInfo& uart = *baton.platform.uart;
    const PhysRange page = whole_pages(uart.frame);
    baton.consoles.attach(write_raw, input);
    for (Vm& vm : baton.vms) {
        VmArch& arch = vm.arch();
        baton.consoles.add(vm.id(), vm.setup().name);
        arch.console.emplace();
        arch.console->attach(console_kind(uart),
                             {.vm = vm.id(), .transmit = transmit, .set_line = set_line});
        if (!arch.traps.add({{to_guest(page.begin), page.size}, read_uart, write_uart})) {
            refuse_to_boot("there is no room for a VM's UART");
        }
    }
    log::attach_console([](std::string_view text) { hypervisor().consoles.own_output(text); });
    (void)baton.consoles.connect(connected_vm());
    if (!baton.console->has_input()) {
        log::line("note: Baton's driver of the UART has no input, and so have the VMs none");
    }
    baton.console->enable_input();
    take_console_input();
}

void take_console_input() {
    Hypervisor& baton = hypervisor();
    baton.console->read_input([&](char c) { baton.consoles.on_input(c); });
}

void reset_console(VmId vm) {
    if (has_consoles()) {
        arch_of(vm).console->reset();
        hypervisor().consoles.cut(vm);
    }
}

void flush_console(VmId vm) {
    if (has_consoles()) {
        hypervisor().consoles.flush(vm);
    }
}

void close_consoles() {
    if (has_consoles()) {
        hypervisor().console->restore();
    }
}

} // namespace baton::arm64
