// SPDX-License-Identifier: BSD-2-Clause
//
// One generation loads the next and starts it, each from another CPU, with another size and other
// content at the same address. An image is this program, a function that returns its number, and a
// payload that belongs to that number alone; the initrd is this program as it was built. Each
// generation checks its own image, and that nothing of its predecessor can be reached. Options:
//   loads=N       the last generation; the first is 0
//   large=N       every Nth image is as large as the slot allows, and others in between
//   callers=2     two CPUs exec at the same time
//   hang=N        generation N makes no call and waits for the watchdog
//   state=ADDRESS

#include "guest-api/guest/successor.hpp"
#include "tests/guests/leftovers.hpp"

#include <cstring>

namespace baton::guest {

extern "C" char guest_image[], guest_image_end[];

namespace {

/// Words of Generation::words.
enum Word : usize {
    image_begin,
    image_bytes,
    old_begin,
    loaded_bytes,
    load_us,
    copy_us,
    memcpy_us
};

/// A payload's words: xorshift64*, seeded by the generation's number.
class Noise {
  public:
    explicit Noise(u64 number) : state_{number * 0x9e37'79b9'7f4a'7c15 + 1} {}
    u64 next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545'f491'4f6c'dd1d;
    }

  private:
    u64 state_;
};

/// Where things are in an image, from its begin. The program's BSS is part of it.
u64 code_offset() { return align_up(static_cast<u64>(guest_image_end - guest_image), page_size); }
u64 payload_offset() { return code_offset() + page_size; }
constexpr u64 image_size_field = 16;

/// mov x0, #number; ret
std::array<u32, 2> code_of(u64 number) {
    return {0xd280'0000 | static_cast<u32>(number & 0xffff) << 5, 0xd65f'03c0};
}

void examine_own_image(const Generation& generation) {
    const u64 begin = platform().image.begin.value;
    if (generation.number == 0) {
        return; // as it was built: the boot module
    }
    const u64 size = generation.words[image_bytes];
    const auto* const header = reinterpret_cast<const u64*>(begin + image_size_field);
    require("the image is as large as the one that was loaded", *header == size, "{}, expected {}",
            *header, size);
    const auto number = reinterpret_cast<u64 (*)()>(begin + code_offset());
    require("its code is that of this generation", number() == (generation.number & 0xffff), "{}",
            number());
    Noise noise{generation.number};
    const auto* const payload = reinterpret_cast<const u64*>(begin + payload_offset());
    u64 wrong = 0;
    for (u64 i = 0; i < (size - payload_offset()) / sizeof(u64); i++) {
        wrong += payload[i] != noise.next();
    }
    require("its payload is that of this generation", wrong == 0, "{} words differ", wrong);
}

void examine_absence(const Generation& generation) {
    if (generation.number == 0) {
        return;
    }
    const u64 old = generation.words[old_begin];
    for (const u64 at : {old, old + code_offset(), u64{status_now().spare_slot}}) {
        const Fault fault = fault_of([&] { asm volatile("ldr x9, [%0]" ::"r"(at) : "x9"); });
        require("the predecessor's image cannot be reached", fault.taken, "{x}", at);
    }
    require("nothing is staged any more", status_now().load_state == BATON_EMPTY);
}

/// RAM that is not used.
std::span<std::byte> workspace(u64 size) {
    for (const PhysRange& ram : platform().memory) {
        PhysRange free{{align_up(ram.begin.value, 2 * MiB) + 2 * MiB}, size};
        while (ram.contains(free) && platform().is_used(free)) {
            free.begin = free.begin + 2 * MiB;
        }
        if (ram.contains(free)) {
            return {reinterpret_cast<std::byte*>(free.begin.value), static_cast<usize>(size)};
        }
    }
    check("there is room to build an image in", false);
    end();
}

std::span<const std::byte> pristine() {
    const PhysRange initrd = platform().initrd.value_or(PhysRange{});
    return {reinterpret_cast<const std::byte*>(initrd.begin.value),
            static_cast<usize>(initrd.size)};
}

std::span<const std::byte> build_image(std::span<std::byte> room, u64 number) {
    std::memcpy(room.data(), pristine().data(), pristine().size());
    std::memset(&room[pristine().size()], 0, payload_offset() - pristine().size());
    const u64 size = room.size();
    std::memcpy(&room[image_size_field], &size, sizeof size);
    const auto code = code_of(number);
    std::memcpy(&room[code_offset()], code.data(), sizeof code);
    Noise noise{number};
    auto* const payload = reinterpret_cast<u64*>(&room[payload_offset()]);
    for (u64 i = 0; i < (size - payload_offset()) / sizeof(u64); i++) {
        payload[i] = noise.next();
    }
    return room;
}

/// Bytes of the largest image that fits beside its initrd: what a load that is too big is told.
u64 largest_image() {
    baton_load request{};
    request.piece_count = 2;
    request.pieces[0] = {BATON_PIECE_KERNEL, 0, status_now().slot_size};
    request.pieces[1] = {BATON_PIECE_INITRD, 0, pristine().size()};
    const CallResult refused = hypercall_into(BATON_LOAD_BEGIN, request);
    require("an image as large as the slot is too big", refused.status() == BATON_TOO_BIG);
    return 2 * request.pieces[0].size - refused.x1;
}

u64 size_of_generation(u64 number) {
    const u64 large = option_number("large", 25);
    const u64 most = largest_image();
    u64 size = MiB + Noise{~number}.next() % MiB;
    if (number % large == 0) {
        size = most - (number / large) % 4 * (most / 4);
    }
    return align_down(std::min(size, most), 8);
}

void load_successor(Generation& generation) {
    const u64 number = generation.number + 1;
    const u64 size = size_of_generation(number);
    const Successor successor{build_image(workspace(size), number), pristine(),
                              platform().bootargs};
    const u64 begin = now();
    const CallResult loaded = stage(successor);
    const u64 all = us_of_ticks(now() - begin);
    if (!check("the successor is staged", loaded.status() == BATON_OK, "{}", loaded.status())) {
        end();
    }
    const baton_status status = status_now();
    generation.words[image_begin] = status.spare_slot;
    generation.words[image_bytes] = size;
    generation.words[old_begin] = platform().image.begin.value;
    generation.words[loaded_bytes] += size;
    generation.words[load_us] += all;
    generation.words[copy_us] += (status.copy_ns + status.digest_ns + status.clean_ns) / 1000;
    if (number % 100 == 1) {
        const std::span<std::byte> room = workspace(2 * size).subspan(size);
        const u64 before = now();
        std::memcpy(room.data(), successor.kernel.data(), size);
        print("guest: {} bytes: load {} us (copy {}, digest {}, clean {}), plain memcpy {} us\n",
              size, all, status.copy_ns / 1000, status.digest_ns / 1000, status.clean_ns / 1000,
              us_of_ticks(now() - before));
    }
}

void examine_cpus(const Generation& generation) {
    if (generation.number > 0) {
        const Cpu& self = this_cpu();
        require("entered on a CPU that called exec",
                self.mpidr == generation.caller || self.mpidr == generation.other_caller, "{x}",
                self.mpidr);
    }
    require("no CPU is lost", enabled_cpus() == cpus().size());
    require("all CPUs start", start_all());
    if (generation.number > 0) {
        const auto number =
            reinterpret_cast<u64 (*)()>(platform().image.begin.value + code_offset());
        std::atomic<u32> stale;
        run_on_all("all CPUs run the image's code",
                   [&] { stale += number() != (generation.number & 0xffff); });
        require("its code is that of this generation on all CPUs", stale == 0, "not on {}",
                stale.load());
    }
    require("all CPUs are online", status_now().online == cpus().size(), "{}", status_now().online);
}

/// Each generation by another of the four ways.
void exec(u64 number) {
    switch (number % 4) {
    case 0:
        (void)psci::system_reset();
        break;
    case 1:
        (void)psci::call(psci::Function::system_reset2, BATON_RESET_TYPE, 0);
        break;
    case 2:
        (void)psci::call(psci::Function::system_reset2, BATON_RESET_TYPE, status_now().load_id);
        break;
    default:
        (void)hypercall(BATON_EXEC);
    }
    // Of two callers one is refused, and taken along a moment later.
    pause_for(option("callers") ? patience() : 0);
    check("exec does not return", false);
    end();
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("loads", 10);
    if (generation.number != 0 && generation.number == option_number("hang", 0)) {
        for (;;) {
            wfi();
        }
    }
    if (generation.number % 50 == 0) {
        print("guest: generation {} of {} on CPU {}, image at {x}\n", generation.number, last,
              this_cpu().index, platform().image.begin.value);
    }
    examine_own_image(generation);
    examine_absence(generation);
    examine_cpus(generation);
    generation.failed += failures();
    if (generation.number == last) {
        generation.magic = 0;
        const auto& words = generation.words;
        print("guest: {} loads of {} MiB in all took {} ms, {} ms of them in Baton\n", last,
              words[loaded_bytes] / MiB, words[load_us] / 1000, words[copy_us] / 1000);
        check("all generations found themselves whole and alone", generation.failed == 0,
              "{} failures", generation.failed);
        return;
    }

    const u64 number = generation.number;
    const usize count = cpus().size();
    const usize callers = option_number("callers", 1);
    const auto calls = [&](const Cpu& cpu) {
        return (cpu.index + count - number % count) % count < callers;
    };
    generation.caller = cpus()[number % count].mpidr;
    generation.other_caller = cpus()[(number + callers - 1) % count].mpidr;
    load_successor(generation);
    generation.seal();
    run_on_all("exec comes", [&] {
        if (calls(this_cpu())) {
            exec(number);
        }
        mask_interrupts();
        for (;;) {
            wfi();
        }
    });
}

} // namespace baton::guest
