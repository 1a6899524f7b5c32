// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/console/multiplexer.hpp"

#include <algorithm>

namespace baton {
namespace {

constexpr char switch_key = 'A' - '@';
constexpr u32 switch_keys_needed = 3;
constexpr std::string_view line_end = "\r\n";

} // namespace

void Multiplexer::add(VmId vm, std::string_view name) {
    Console& console = consoles_[index(vm)];
    console.name_size = static_cast<u32>(std::min(name.size(), longest_name));
    std::ranges::copy(name.substr(0, console.name_size), console.name.begin());
    console.exists = true;
}

bool Multiplexer::connect(VmId vm) {
    Console& console = consoles_[index(vm)];
    const auto line = console.lock.take(timeout_ms);
    if (!line) {
        return false;
    }
    const auto uart = uart_.take(timeout_ms);
    if (!uart) {
        return false;
    }
    connected_.store(vm, std::memory_order_relaxed);
    begin_line();
    write("baton: console: ", Author::baton);
    write({console.name.data(), console.name_size}, Author::baton);
    write(line_end, Author::baton);
    if (!console.line.text().empty()) {
        write(console.line.text(), Author::guest);
    }
    console.line.restart();
    return true;
}

void Multiplexer::output(VmId vm, char c) {
    Console& console = consoles_[index(vm)];
    const auto line = console.lock.take(timeout_ms);
    if (!line) {
        console.dropped.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (console.is_cut.load(std::memory_order_relaxed)) {
        console.is_cut.store(false, std::memory_order_relaxed);
        finish(vm);
    }
    if (is_connected(vm)) {
        const auto uart = uart_.take(timeout_ms);
        if (!uart) {
            console.dropped.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        if (is_connected(vm)) {
            if (author_ == Author::baton) {
                begin_line();
            }
            write({&c, 1}, Author::guest);
            return;
        }
    }
    if (console.line.take(c)) {
        put_line(vm);
    }
}

void Multiplexer::own_output(std::string_view text) {
    while (!text.empty()) {
        const usize end = std::min(text.find('\n'), text.size());
        const auto uart = uart_.take_over(lost_ms);
        if (author_ == Author::guest) {
            begin_line();
        }
        if (end > 0) {
            write(text.substr(0, end), Author::baton);
        }
        if (end < text.size()) {
            write(line_end, Author::baton);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

void Multiplexer::flush(VmId vm) {
    if (const auto line = consoles_[index(vm)].lock.take(timeout_ms)) {
        finish(vm);
    }
}

void Multiplexer::on_input(char c) {
    const auto input = input_lock_.take(timeout_ms);
    if (!input) {
        dropped_input_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (c == switch_key) {
        if (++switch_keys_ == switch_keys_needed) {
            switch_keys_ = 0;
            connect(next_after(connected()));
        }
        return;
    }
    for (; switch_keys_ > 0; switch_keys_--) {
        input_(connected(), switch_key);
    }
    input_(connected(), c);
}

void Multiplexer::finish(VmId vm) {
    Console& console = consoles_[index(vm)];
    if (!console.line.text().empty()) {
        put_line(vm);
    } else if (is_connected(vm)) {
        if (const auto uart = uart_.take(timeout_ms)) {
            begin_line();
        }
    }
    console.line.restart();
}

void Multiplexer::put_line(VmId vm) {
    Console& console = consoles_[index(vm)];
    constexpr std::string_view separator = ": ";
    std::array<char, longest_name + separator.size() + PlainLine::longest + line_end.size()> buffer;
    usize size = 0;
    for (const std::string_view part : {std::string_view{console.name.data(), console.name_size},
                                        separator, console.line.text(), line_end}) {
        std::ranges::copy(part, buffer.begin() + size);
        size += part.size();
    }
    if (const auto uart = uart_.take(timeout_ms)) {
        begin_line();
        write({buffer.data(), size}, Author::baton);
    } else {
        console.dropped.fetch_add(console.line.text().size(), std::memory_order_relaxed);
    }
    console.line.clear();
}

void Multiplexer::begin_line() {
    if (author_ != Author::nobody) {
        write(line_end, author_);
    }
}

void Multiplexer::write(std::string_view text, Author author) {
    write_(text);
    author_ = text.ends_with('\n') ? Author::nobody : author;
}

VmId Multiplexer::next_after(VmId vm) const {
    u32 next = index(vm);
    do {
        next = (next + 1) % max_vms;
    } while (!consoles_[next].exists && next != index(vm));
    return VmId{next};
}

} // namespace baton
