// SPDX-License-Identifier: BSD-2-Clause
//
// What the engine asks of the machine (hyp/arch.hpp), by the host threads of thread_machine.hpp.
// Outside of those there is a clock, and nothing else.
#include "hyp/arch.hpp"

#include "tests/unit/loaded_memory.hpp"
#include "tests/unit/thread_machine.hpp"

namespace baton::arch {

using test::ThreadMachine;

Vcpu& self() { return ThreadMachine::here().vcpu(); }

u64 now() {
    static std::atomic<u64> ticks{0};
    const ThreadMachine* const machine = ThreadMachine::current();
    return machine != nullptr ? machine->now() : ++ticks;
}
u64 frequency() { return ThreadMachine::frequency(); }

void kick(const Vcpu& vcpu) { ThreadMachine::here().kick(vcpu.cpu); }
void kick_others(const Vcpu&) { ThreadMachine::here().kick_others(); }
void wait(u64 deadline) { ThreadMachine::here().wait(deadline); }

PhysRange loaded_file() { return test::LoadedMemory::here().own; }
std::span<const std::byte> own_header() { return test::LoadedMemory::here().header; }
std::span<const std::byte> loaded_bytes(PhysRange range) {
    return test::LoadedMemory::here().at(range);
}

void fence_lost(Vcpu&, std::span<const VcpuId> lost) {
    ThreadMachine::here().vm().fence_lost(lost);
}
void abandoned_by(const Vcpu& boot) { ThreadMachine::here().vm().abandoned_by(boot.id); }

} // namespace baton::arch
