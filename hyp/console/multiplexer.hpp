// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/bounded_lock.hpp"
#include "hyp/console/plain_line.hpp"
#include "hyp/log/log.hpp"

#include <array>
#include <atomic>
#include <string_view>

namespace baton {

/// The consoles of all VMs on one UART.
///
/// One VM is connected: what it prints goes out as it comes, and input goes to it. Of the others
/// whole lines go out, as "NAME: line", on lines of their own. Three times Ctrl-A connects the
/// next VM, as Xen does it.
///
/// Any CPU may call it at any time. A VM's line has a lock, the UART has one; a CPU has the first
/// when it asks for the second. Behind the UART's lock at most one line is written. A CPU that
/// cannot have a lock in time (the UART is slow and in demand, or a CPU was lost inside) drops the
/// text and counts it, for its VM's next handover must not wait for a console.
class Multiplexer {
  public:
    /// Takes a character for the console of `to`. Called by one CPU at a time.
    using InputSink = void (*)(VmId to, char c);

    /// Once, before all else.
    /// @param write writes to the UART all bytes as they are, without a carriage return of its own
    void attach(log::ConsoleWriter write, InputSink input) {
        write_ = write;
        input_ = input;
    }
    /// Once for each VM, before it runs.
    /// @param name copied; what is longer than `longest_name` is cut off
    void add(VmId vm, std::string_view name);

    /// Connects a VM that was added and tells so on the UART; the line that it is in the middle of
    /// (a prompt) is put out. At boot and at run time. False: it could not have the locks.
    bool connect(VmId vm);
    VmId connected() const { return connected_.load(std::memory_order_relaxed); }

    /// The VM prints a character.
    void output(VmId vm, char c);
    /// Baton itself prints: lines that end in a line feed. They are not dropped: whoever keeps
    /// the UART for too long counts as lost.
    void own_output(std::string_view text);

    /// The VM has been powered off: what is unfinished is put out.
    void flush(VmId vm);
    /// The VM's kernel is being replaced: as `flush`, but put off until the next kernel prints,
    /// for nothing is printed in a blackout. A store, no lock.
    void cut(VmId vm) { consoles_[index(vm)].is_cut.store(true, std::memory_order_relaxed); }

    /// A character came in from the UART.
    void on_input(char c);

    /// Characters of the VM that were dropped since boot.
    u64 dropped(VmId vm) const {
        return consoles_[index(vm)].dropped.load(std::memory_order_relaxed);
    }
    /// Characters that came in and were dropped since boot.
    u64 dropped_input() const { return dropped_input_.load(std::memory_order_relaxed); }

    static constexpr usize longest_name = 47;
    /// How long a CPU waits for a lock: longer than a line takes at 115,200 baud, and a fraction of
    /// the time that a handover waits for a CPU.
    static constexpr u64 timeout_ms = 30;
    /// Who keeps the UART for so long was lost with it.
    static constexpr u64 lost_ms = 100;

  private:
    struct Console {
        BoundedLock lock; ///< of `line`
        PlainLine line;   ///< empty while the VM is connected
        std::array<char, longest_name> name{};
        u32 name_size = 0;
        bool exists = false;
        std::atomic<bool> is_cut{false};
        std::atomic<u64> dropped{0};
    };
    /// Who began the line that the UART's cursor is in.
    enum class Author { nobody, guest, baton };

    // With the console's lock.
    void finish(VmId vm);
    void put_line(VmId vm);
    // With the UART's lock.
    void begin_line();
    void write(std::string_view text, Author author);

    VmId next_after(VmId vm) const;
    bool is_connected(VmId vm) const { return connected() == vm; }

    log::ConsoleWriter write_ = nullptr;
    InputSink input_ = nullptr;
    std::array<Console, max_vms> consoles_{};

    BoundedLock uart_;
    std::atomic<VmId> connected_{host_vm}; ///< changed with the UART's lock
    Author author_ = Author::nobody;

    BoundedLock input_lock_;
    u32 switch_keys_ = 0; ///< that came one after the other and were kept back
    std::atomic<u64> dropped_input_{0};
};

} // namespace baton
