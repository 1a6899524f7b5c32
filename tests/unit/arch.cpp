// SPDX-License-Identifier: BSD-2-Clause
//
// What the engine asks of the machine (hyp/arch.hpp), by the host threads of thread_machine.hpp.
// Outside of those there is a clock, and nothing else.
#include "hyp/arch.hpp"

#include "tests/unit/platform/loaded_memory.hpp"
#include "tests/unit/thread_machine.hpp"

namespace baton::arch {

using test::ThreadMachine;

Vcpu& self() { return ThreadMachine::here().vcpu(); }

Ticks now() {
    static std::atomic<u64> ticks{0};
    const ThreadMachine* const machine = ThreadMachine::current();
    return machine != nullptr ? machine->now() : Ticks{++ticks};
}
Ticks frequency() { return ThreadMachine::frequency(); }

void kick(const Vcpu& vcpu) { ThreadMachine::here().kick(vcpu.cpu); }
void kick_others(const Vcpu&) { ThreadMachine::here().kick_others(); }
void wait(Ticks deadline) { ThreadMachine::here().wait(deadline); }

PhysRange loaded_file() { return test::LoadedMemory::here().own; }
std::span<const std::byte> own_header() { return test::LoadedMemory::here().header; }
std::span<const std::byte> loaded_bytes(PhysRange range) {
    return test::LoadedMemory::here().at(range);
}

void fence_lost(Vcpu&, std::span<const VcpuId> lost) {
    ThreadMachine::here().vm().fence_lost(lost);
}
void lost_boot_cpu(const Vcpu& boot) { ThreadMachine::here().vm().lost_boot_cpu(boot.id); }

} // namespace baton::arch
