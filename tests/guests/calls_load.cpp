// SPDX-License-Identifier: BSD-2-Clause
//
// What the calls that change what is staged refuse.

#include "tests/guests/calls.hpp"

#include <cstring>

namespace baton::guest {

void refuse_begin() {
    baton_load good{};
    good.piece_count = 2;
    good.pieces[0] = {BATON_PIECE_KERNEL, 0, kernel_size};
    good.pieces[1] = {BATON_PIECE_INITRD, 0, initrd_size};
    const auto changed = [&](std::string_view why, i64 status, const auto& change) {
        baton_load load = good;
        change(load);
        refuse(why, status, BATON_LOAD_BEGIN, address_of(&load), sizeof load);
    };
    const auto invalid = [&](std::string_view why, const auto& change) {
        changed(why, BATON_INVALID_PARAMETER, change);
    };
    invalid("begin: a kind that there is not", [](auto& load) { load.kind = 77; });
    invalid("begin: a flag that there is not", [](auto& load) { load.flags = 1; });
    invalid("begin: there is no such VM", [](auto& load) { load.vm = 9; });
    invalid("begin: no pieces", [](auto& load) { load.piece_count = 0; });
    invalid("begin: 17 pieces", [](auto& load) { load.piece_count = 17; });
    invalid("begin: 2^32 - 1 pieces", [](auto& load) { load.piece_count = ~0U; });
    invalid("begin: a piece's kind that there is not", [](auto& load) { load.pieces[1].kind = 0; });
    invalid("begin: a piece's reserved is not 0", [](auto& load) { load.pieces[0].reserved = 1; });
    invalid("begin: the kernel is not first",
            [](auto& load) { std::swap(load.pieces[0], load.pieces[1]); });
    invalid("begin: two kernels", [](auto& load) { load.pieces[1] = load.pieces[0]; });
    invalid("begin: an empty kernel", [](auto& load) { load.pieces[0].size = 0; });
    invalid("begin: an empty initrd", [](auto& load) { load.pieces[1].size = 0; });
    changed("begin: a command line of 4096 bytes", BATON_BAD_COMMAND_LINE,
            [](auto& load) { load.pieces[1] = {BATON_PIECE_COMMAND_LINE, 0, 4096}; });
    changed("begin: an initrd of 2^64 - 1 bytes", BATON_TOO_BIG,
            [](auto& load) { load.pieces[1].size = ~u64{0}; });
    refuse("begin: another size of the struct", BATON_INVALID_PARAMETER, BATON_LOAD_BEGIN,
           address_of(&good), sizeof good - 8);
    at_bad_addresses(sizeof good, [](std::string_view what, u64 address) {
        refuse(what, BATON_BAD_ADDRESS, BATON_LOAD_BEGIN, address, sizeof(baton_load));
    });

    // Too big: the size that is needed, and the one that there is, come back, and are right.
    const u64 slot = status_now().slot_size;
    good.pieces[1].size = slot;
    const CallResult refused = make_call(BATON_LOAD_BEGIN, address_of(&good), sizeof good);
    check("begin: an initrd as large as the slot is too big", refused.status() == BATON_TOO_BIG);
    check_equal("begin: the slot's size is told", refused.x2, slot);
    good.pieces[1].size = slot - (refused.x1 - slot);
    const CallResult fits = make_call(BATON_LOAD_BEGIN, address_of(&good), sizeof good);
    check("begin: smaller by what was too much, it fits", fits.status() == BATON_OK, "{}",
          fits.status());
    drop_all();
    check("nothing of all that began a load", status_now().load_state == BATON_EMPTY);
}

void refuse_copy() {
    refuse("copy: no load", BATON_STALE, BATON_LOAD_COPY, 1, 0, 0, address_of(kernel), 64);
    const u64 id = begun();
    const auto copy = [&](std::string_view why, i64 status, u64 piece, u64 offset, u64 size) {
        refuse(why, status, BATON_LOAD_COPY, id, piece, offset, address_of(kernel), size);
    };
    refuse("copy: another id", BATON_STALE, BATON_LOAD_COPY, id + 1, 0, 0, address_of(kernel), 64);
    copy("copy: a piece that there is not", BATON_INVALID_PARAMETER, 3, 0, 64);
    copy("copy: piece 2^64 - 1", BATON_INVALID_PARAMETER, ~u64{0}, 0, 64);
    copy("copy: no bytes", BATON_INVALID_PARAMETER, 0, 0, 0);
    copy("copy: too many bytes", BATON_INVALID_PARAMETER, 0, 0, BATON_MAX_CHUNK + 1);
    copy("copy: 2^64 - 1 bytes", BATON_INVALID_PARAMETER, 0, 0, ~u64{0});
    copy("copy: beyond the piece's end", BATON_INVALID_PARAMETER, 0, kernel_size - 10, 11);
    copy("copy: an offset that wraps", BATON_INVALID_PARAMETER, 0, ~u64{0} - 10, 64);
    copy("copy: less than the header", BATON_INVALID_PARAMETER, 0, 0, 63);
    copy("copy: the second chunk first", BATON_OUT_OF_ORDER, 0, BATON_MAX_CHUNK, 64);
    copy("copy: the second piece first", BATON_OUT_OF_ORDER, 1, 0, 64);
    at_bad_addresses(BATON_MAX_CHUNK, [&](std::string_view what, u64 address) {
        refuse(what, BATON_BAD_ADDRESS, BATON_LOAD_COPY, id, 0, 0, address, BATON_MAX_CHUNK);
    });

    const auto with_header = [&](std::string_view why, i64 status, usize offset, u64 value) {
        u64 before;
        std::memcpy(&before, kernel + offset, sizeof before);
        std::memcpy(kernel + offset, &value, sizeof value);
        copy(why, status, 0, 0, BATON_MAX_CHUNK);
        std::memcpy(kernel + offset, &before, sizeof before);
    };
    with_header("copy: no arm64 Image", BATON_BAD_MAGIC, 56, 0x4d5a);
    with_header("copy: a big-endian kernel", BATON_BAD_HEADER, 24, 0b1011);
    with_header("copy: image_size 0", BATON_BAD_HEADER, 16, 0);
    with_header("copy: an image_size beyond the slot", BATON_TOO_BIG, 16, status_now().slot_size);
    with_header("copy: an image_size of 2^64 - 1", BATON_TOO_BIG, 16, ~u64{0});
    with_header("copy: a text_offset of 2^63", BATON_TOO_BIG, 8, u64{1} << 63);

    check("none of the refused chunks counts", status_now().load_done == 0);
    const CallResult good = copy_piece(id, 0, kernel);
    check("after all that, the kernel is taken", good.status() == BATON_OK, "{}", good.status());
    copy("copy: what was copied already", BATON_OVERLAP, 0, 0, 64);
    copy("copy: the last bytes again", BATON_OVERLAP, 0, kernel_size - 64, 64);
    const baton_seal request = seal_request(digest_of(successor()));
    refuse("seal: with a piece missing", BATON_INCOMPLETE, BATON_LOAD_SEAL, id,
           address_of(&request), sizeof request);
    (void)copy_piece(id, 1, initrd);
    constexpr char with_nul[] = "a command\0line";
    refuse("copy: a command line with a NUL", BATON_BAD_COMMAND_LINE, BATON_LOAD_COPY, id, 2, 0,
           address_of(with_nul), command_line.size());
    const CallResult missing = make_call(BATON_LOAD_SEAL, id, address_of(&request), sizeof request);
    check("seal: how much is missing is told",
          missing.status() == BATON_INCOMPLETE && missing.x1 == command_line.size(), "{}",
          missing.x1);
    drop_all();
}

void refuse_seal() {
    const baton_seal request = seal_request(digest_of(successor()));
    const auto refuse_request = [](std::string_view why, i64 status, u64 id,
                                   const baton_seal& wrong) {
        refuse(why, status, BATON_LOAD_SEAL, id, address_of(&wrong), sizeof wrong);
    };
    refuse_request("seal: no load", BATON_STALE, 1, request);
    u64 id = begun();
    require("all is copied", copy_all(id, successor()).status() == BATON_OK);
    refuse_request("seal: another id", BATON_STALE, id + 1, request);
    refuse("seal: another size of the struct", BATON_INVALID_PARAMETER, BATON_LOAD_SEAL, id,
           address_of(&request), sizeof request + 8);
    baton_seal wrong = request;
    wrong.flags = 2;
    refuse_request("seal: a flag that there is not", BATON_INVALID_PARAMETER, id, wrong);
    wrong = request;
    wrong.reserved = 1;
    refuse_request("seal: reserved is not 0", BATON_INVALID_PARAMETER, id, wrong);
    at_bad_addresses(sizeof request, [&](std::string_view what, u64 address) {
        refuse(what, BATON_BAD_ADDRESS, BATON_LOAD_SEAL, id, address, sizeof(baton_seal));
    });
    wrong = request;
    wrong.digest[31] ^= 1;
    refuse_request("seal: a wrong digest", BATON_BAD_DIGEST, id, wrong);
    refuse_request("seal: a wrong digest ends the load", BATON_STALE, id, request);

    id = begun();
    require("all is copied", copy_all(id, successor()).status() == BATON_OK);
    const CallResult sealed = seal(id, request);
    check("seal: the right digest", sealed.status() == BATON_OK, "{}", sealed.status());
    const baton_status status = status_now();
    check("status: it is staged",
          status.load_state == BATON_STAGED && status.load_id == id &&
              status.load_size == kernel_size + initrd_size + command_line.size() &&
              status.load_done == status.load_size && status.load_needs > status.load_size,
          "state {}, id {}, size {}", status.load_state, status.load_id, status.load_size);
    refuse("copy: into a staged image", BATON_STALE, BATON_LOAD_COPY, id, 0, 0, address_of(kernel),
           64);
    refuse_request("seal: twice", BATON_STALE, id, request);
}

void refuse_exec_and_drop() {
    const u64 id = status_now().load_id;
    refuse("exec: a flag that there is not", BATON_INVALID_PARAMETER, BATON_EXEC, 1, 0);
    refuse("exec: another id", BATON_STALE, BATON_EXEC, 0, id + 1);
    const auto reset2 = [](u64 type, u64 cookie) {
        return psci::call(psci::Function::system_reset2, type, cookie);
    };
    check("SYSTEM_RESET2: another id is INVALID_PARAMETERS",
          reset2(BATON_RESET_TYPE, id + 1) == -2);
    check("SYSTEM_RESET2: another vendor's type is INVALID_PARAMETERS",
          reset2(BATON_RESET_TYPE + 1, 0) == -2);
    refuse("drop: another id", BATON_STALE, BATON_LOAD_DROP, id + 1);
    check("drop: its id", make_call(BATON_LOAD_DROP, id).status() == BATON_OK);
    refuse("drop: its id again", BATON_STALE, BATON_LOAD_DROP, id);
    check("drop: nothing", make_call(BATON_LOAD_DROP, 0).status() == BATON_OK);
    refuse("exec: nothing staged", BATON_NOT_SEALED, BATON_EXEC, 0, 0);
    check("SYSTEM_RESET2: nothing staged is DENIED", reset2(BATON_RESET_TYPE, 0) == -3);

    const u64 loading = begun();
    refuse("exec: a load that is not sealed", BATON_NOT_SEALED, BATON_EXEC, 0, 0);
    const CallResult second = begin_load(successor());
    check("begin: while a load is in progress", second.status() == BATON_BUSY, "{}",
          second.status());
    check("drop: a load in progress", make_call(BATON_LOAD_DROP, loading).status() == BATON_OK);
}

} // namespace baton::guest
