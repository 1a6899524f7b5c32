// SPDX-License-Identifier: BSD-2-Clause
//
// The part of hyp/arch.hpp that is about memory, by fake_memory.hpp.
#include "tests/unit/vm/fake_memory.hpp"

namespace baton::arch {

using test::FakeMemory;

std::byte* bytes(PhysAddr address) {
    FakeMemory& memory = FakeMemory::here();
    memory.looks += address == memory.watched ? 1 : 0;
    return memory.at(address);
}
void publish_bytes(PhysRange range) { FakeMemory::here().publish(range); }
void publish_instructions() { FakeMemory::here().instructions_published = true; }
bool prepare_memory(VmId vm, SlotId slot, std::span<const PhysRange> memory) {
    return FakeMemory::here().prepare(vm, slot, memory);
}
void retire_memory(VmId vm, SlotId slot) { FakeMemory::here().abandon(vm, slot); }

} // namespace baton::arch
