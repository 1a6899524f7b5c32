// SPDX-License-Identifier: BSD-2-Clause
//
// Every call of guest-api/baton.h × every error that it can return, as a table at the end. A
// refusal leaves the caller running and its memory as it was. Options:
//   denied        Baton runs with baton.load=off

#include "tests/guests/calls.hpp"
#include "tests/guests/generation.hpp"

namespace baton::guest {

extern "C" char guest_image[], guest_constant_end[];

namespace {

void refuse_reports() {
    constexpr u32 structs[]{BATON_STATUS, BATON_TRACE};
    for (const u32 function : structs) {
        refuse("a struct of 7 bytes", BATON_INVALID_PARAMETER, function, address_of(kernel), 7);
        at_bad_addresses(64, [&](std::string_view what, u64 address) {
            refuse(what, BATON_BAD_ADDRESS, function, address, 64);
        });
    }
    refuse("trace_cpu: a CPU that there is not", BATON_INVALID_PARAMETER, BATON_TRACE_CPU,
           cpus().size(), address_of(kernel), 64);
    refuse("trace_cpu: a struct of 7 bytes", BATON_INVALID_PARAMETER, BATON_TRACE_CPU, 0,
           address_of(kernel), 7);
    at_bad_addresses(64, [&](std::string_view what, u64 address) {
        refuse(what, BATON_BAD_ADDRESS, BATON_TRACE_CPU, 0, address, 64);
    });
    refuse("log: no room", BATON_INVALID_PARAMETER, BATON_LOG, 0, address_of(kernel), 0);
    refuse("log: too much room", BATON_INVALID_PARAMETER, BATON_LOG, 0, address_of(kernel),
           BATON_MAX_CHUNK + 1);
    at_bad_addresses(64, [&](std::string_view what, u64 address) {
        refuse(what, BATON_BAD_ADDRESS, BATON_LOG, 0, address, 64);
    });
}

void tell() {
    const CallResult uid = hypercall(BATON_CALL_UID);
    check("the UID is Baton's", uid.x0 == BATON_UID_0 && uid.x1 == BATON_UID_1 &&
                                    uid.x2 == BATON_UID_2 && uid.x3 == BATON_UID_3);
    const CallResult revision = hypercall(BATON_REVISION);
    check("the revision is this header's",
          revision.x0 == BATON_REVISION_MAJOR && revision.x1 == BATON_REVISION_MINOR);
    check("there is all that the header has", hypercall(BATON_FEATURES).x0 == 0xff);
    for (const u32 function :
         {0x8600'0001U, 0xc600'0000U, 0xc600'000dU, 0x8600'ff00U, 0x8600'ff02U}) {
        refuse("a call that there is not", BATON_NOT_SUPPORTED, function);
    }

    const baton_status status = status_now();
    check("status: CPUs", status.cpus == cpus().size() && status.online == enabled_cpus() &&
                              status.parked == 0 && status.lost == 0);
    check("status: slots", status.slot_size >= 2 * MiB &&
                               status.running_slot != status.spare_slot &&
                               status.max_chunk == BATON_MAX_CHUNK);
    u64 short_status[2]{0, 0x1234};
    const CallResult cut = hypercall(BATON_STATUS, address_of(short_status), 8);
    check("status: no more is written than there is room for",
          cut.x1 == 8 && short_status[0] != 0 && short_status[1] == 0x1234);

    baton_trace trace{};
    check("trace: there was no handover",
          hypercall_into(BATON_TRACE, trace).status() == BATON_OK && trace.handover == 0);

    static char text[4096];
    const CallResult all = hypercall(BATON_LOG, 0, address_of(text), sizeof text);
    check("log: it begins with Baton's first line",
          all.status() == BATON_OK && std::string_view{text, all.x1}.starts_with("baton: Baton "));
    const CallResult piece = hypercall(BATON_LOG, 7, address_of(text), 5);
    check("log: a piece of it",
          piece.x1 == 5 && piece.x2 == 7 && std::string_view{text, 5} == "Baton");
    const CallResult end = hypercall(BATON_LOG, ~u64{0}, address_of(text), 5);
    check("log: its end", end.status() == BATON_OK && end.x1 == 0 && end.x2 >= all.x1);
}

/// Everything of this guest that no test writes to.
u64 own_memory() {
    return digest_of(guest_image, static_cast<usize>(guest_constant_end - guest_image)) ^
           digest_of(kernel, sizeof kernel) ^ digest_of(initrd, sizeof initrd) ^
           digest_of(reinterpret_cast<const void*>(shared_page(1)), page_size);
}

} // namespace

void guest_main() {
    make_kernel();
    require("all CPUs start", start_all());
    if (option("denied")) {
        const CallResult result = begin_load(successor());
        (void)make_call(BATON_LOAD_BEGIN, 0, 0);
        check("baton.load=off refuses a load", result.status() == BATON_NOT_ALLOWED, "{}",
              result.status());
        return;
    }
    const u64 before = own_memory();
    tell();
    refuse_begin();
    refuse_copy();
    refuse_seal();
    refuse_exec_and_drop();
    refuse_reports();
    collide();
    change_meanwhile();
    check("all those refusals changed no memory", own_memory() == before);
    print_table();
}

} // namespace baton::guest
