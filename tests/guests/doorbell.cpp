// SPDX-License-Identifier: BSD-2-Clause
//
// Two VMs play ping-pong through memory that they share: a message goes there with its checksum,
// and the bell is rung, whose interrupt the other one waits for. Options:
//   messages=N   each way
//   first        sends the first one; the other VM's guest has not this option

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/shared_memory.hpp"
#include "guest-api/guest/smp.hpp"
#include "tests/guests/generation.hpp"

namespace baton::guest {

namespace {

constexpr usize message_size = 1000;

/// One way. Its sender alone writes it.
struct Mailbox {
    std::atomic<u64> ready; ///< the sender takes bells
    std::atomic<u64> number;
    u64 checksum;
    std::array<u8, message_size> bytes;
};

std::atomic<u64> rung;

u64 checksum_of(const Mailbox& box) { return digest_of(box.bytes.data(), box.bytes.size()); }

void send(const SharedMemory& shared, Mailbox& to, u64 number) {
    for (usize i = 0; i < message_size; i++) {
        to.bytes[i] = static_cast<u8>(number * 31 + i * 7);
    }
    to.checksum = checksum_of(to) ^ number;
    to.number.store(number, std::memory_order_release);
    const std::int64_t status = shared.ring().status();
    require("the bell can be rung", status == BATON_OK, "{}", status);
}

/// Waits for the bell's interrupt, then for nothing: the message is there.
bool receive(const Mailbox& from, u64 number, u64 bells) {
    return require("the bell comes", wait_until(patience(), [&] { return rung >= bells; }),
                   "message {}", number) &&
           require("the message is there with its bell",
                   from.number.load(std::memory_order_acquire) == number, "{}, expected {}",
                   from.number.load(), number) &&
           require("the message is whole", (checksum_of(from) ^ number) == from.checksum,
                   "message {}", number);
}

} // namespace

void guest_main() {
    const u64 messages = option_number("messages", 1000);
    const bool is_first = option("first");
    const auto shared = SharedMemory::find();
    if (!check("there is memory that is shared", shared.has_value())) {
        return;
    }
    print("guest: doorbell: region {} at {x}, {} bytes, bell {}\n", shared->number,
          shared->range.begin.value, shared->range.size, shared->bell);
    auto* const boxes = reinterpret_cast<Mailbox*>(shared->range.begin.value);
    Mailbox& to = boxes[is_first ? 0 : 1];
    Mailbox& from = boxes[is_first ? 1 : 0];

    gic::set_edge(shared->bell, true);
    gic::set_handler(shared->bell, [](u32) { rung++; });
    gic::route(shared->bell, this_cpu());
    gic::enable(shared->bell);
    to.ready = 1;
    if (!check("the other VM comes",
               wait_until(10 * patience(), [&] { return from.ready == 1; }))) {
        return;
    }
    const u64 begin = now();
    u64 number = 0;
    for (bool good = true; good && number < messages; number++) {
        if (is_first) {
            send(*shared, to, number + 1);
        }
        good = receive(from, number + 1, number + 1);
        if (good && !is_first) {
            send(*shared, to, number + 1);
        }
    }
    print("guest: doorbell: {} ns there and back\n",
          us_of_ticks(now() - begin) * 1000 / (number == 0 ? 1 : number));
    check("every message came whole, with its bell", failures() == 0 && number == messages,
          "{} of {}", number, messages);
    pause_for(10);
    check("no bell came that was not rung", rung == messages, "{} for {}", rung.load(), messages);
    const std::int64_t status = SharedMemory::ring(shared->number + 1).status();
    check("the bell of a region that is not there is refused", status == BATON_INVALID_PARAMETER,
          "{}", status);
}

} // namespace baton::guest
