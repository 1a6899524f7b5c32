// SPDX-License-Identifier: BSD-2-Clause
//
// The hypercalls that guests of the machine make.
#include "hyp/crypto/sha256.hpp"
#include "tests/unit/vm/vm_machine.hpp"

namespace baton::test {

std::optional<VmMachine::Answer> VmMachine::try_call(VmId vm, u32 vcpu, u32 function,
                                                     std::array<u64, 5> arguments) {
    std::optional<Answer> answer;
    on(vm, vcpu, [&] {
        GuestCall call{.function = function, .mask = ~u64{0}, .arguments = {}};
        std::ranges::copy(arguments, call.arguments);
        Vm& its = vms_[index(vm)];
        its.note_call();
        const CallResult result = hypercall(its, call);
        answer = {result.status, {result.values[0], result.values[1], result.values[2]}};
    });
    return answer;
}

baton_load VmMachine::load_request(VmId vm, std::initializer_list<baton_piece> pieces, u32 kind) {
    baton_load request{};
    request.kind = kind;
    request.vm = index(vm);
    for (const baton_piece& piece : pieces) {
        request.pieces[request.piece_count++] = piece;
    }
    return request;
}

VmMachine::Answer VmMachine::begin(VmId caller, const baton_load& request) {
    memory.put_struct(scratch(caller), request);
    return call(caller, BATON_LOAD_BEGIN, {scratch(caller).value, sizeof request});
}

VmMachine::Answer VmMachine::copy(VmId caller, u64 id, u64 piece, u64 offset,
                                  std::string_view chunk) {
    memory.put(scratch(caller), chunk);
    return call(caller, BATON_LOAD_COPY, {id, piece, offset, scratch(caller).value, chunk.size()});
}

VmMachine::Answer VmMachine::seal(VmId caller, u64 id, std::string_view all, u32 flags) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span{all}));
    const auto digest = hash.finish();
    baton_seal request{};
    std::memcpy(request.digest, digest.data(), sizeof request.digest);
    request.flags = flags;
    memory.put_struct(scratch(caller), request);
    return call(caller, BATON_LOAD_SEAL, {id, scratch(caller).value, sizeof request});
}

u64 VmMachine::stage(VmId caller, VmId vm, std::string_view kernel, u32 kind) {
    const VmId named = vm == caller ? host_vm : vm; // 0: the caller's own
    const Answer begun =
        begin(caller, load_request(named, {{BATON_PIECE_KERNEL, 0, kernel.size()}}, kind));
    REQUIRE(begun.status == BATON_OK);
    const u64 id = begun.values[0];
    REQUIRE(copy(caller, id, 0, 0, kernel).status == BATON_OK);
    REQUIRE(seal(caller, id, kernel).status == BATON_OK);
    return id;
}

baton_status VmMachine::status_of(VmId vm) {
    const u64 at = scratch(vm).value;
    const Answer answer = call(vm, BATON_STATUS, {at, sizeof(baton_status)});
    REQUIRE(answer == Answer{BATON_OK, {sizeof(baton_status)}});
    return memory.get<baton_status>({at});
}

baton_vm_status VmMachine::vm_status(VmId vm) {
    const u64 at = scratch(host_vm).value;
    const Answer answer = call(host_vm, BATON_VM_STATUS, {index(vm), at, sizeof(baton_vm_status)});
    REQUIRE(answer == Answer{BATON_OK, {sizeof(baton_vm_status)}});
    return memory.get<baton_vm_status>({at});
}

} // namespace baton::test
