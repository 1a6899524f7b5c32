// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/tpm_log.hpp"

#include <algorithm>
#include <cstring>

namespace baton::arm64::efi {
namespace {

enum Format : u8 { tcg_1_2 = 1, tcg_2 = 2 };

/// TCG EFI Protocol Specification, 7: events since the log was first asked for.
struct FinalEvents {
    u64 version, count;
};

/// Linux's table: this, then the log.
struct [[gnu::packed]] LogTable {
    u32 size;
    u32 final_events_size; ///< of those that are in the log already
    u8 version;
};
static_assert(sizeof(LogTable) == 9);

// TCG_PCR_EVENT: PCR, type, a SHA-1 digest, size, event.
constexpr usize short_size_at = 28;
constexpr usize short_header_size = 32;
// TCG_PCR_EVENT2: PCR, type, number of digests, each with its algorithm, size, event.
constexpr usize digest_count_at = 8;
constexpr usize digests_at = 12;
// TCG_EfiSpecIDEvent: a name, class, four numbers of a byte, number of algorithms, these.
constexpr std::string_view spec_name{"Spec ID Event03", 16};
constexpr usize algorithm_count_at = 24;
constexpr usize algorithms_at = 28;

constexpr u64 most_log = 16 * MiB;

template <class T>
T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
}

struct Log {
    Format format;
    const std::byte* begin;
    u64 size;
};

std::optional<Log> log_of(Tcg2& tpm, Format format) {
    const std::byte* begin = nullptr;
    const std::byte* last = nullptr;
    bool truncated = false;
    if (failed(tpm.get_event_log(&tpm, format, &begin, &last, &truncated)) || begin == nullptr) {
        return std::nullopt;
    }
    if (last == nullptr) {
        return Log{format, begin, 0};
    }
    const u64 before = static_cast<u64>(last - begin);
    if (last < begin || before > most_log) {
        return std::nullopt;
    }
    if (format == tcg_1_2) {
        return Log{format, begin, before + short_header_size + load<u32>(last + short_size_at)};
    }
    constexpr usize first_event_room = 64 * KiB;
    const auto events = TpmLogFormat::open({begin, first_event_room});
    const auto size = !events         ? std::nullopt
                      : last == begin ? std::optional{events->first_event_size()}
                                      : events->event_size(last);
    return size ? std::optional{Log{format, begin, before + *size}} : std::nullopt;
}

/// Of the events that are in the log and in the final events as well.
u32 final_events_size(const Loader& loader, const Log& log) {
    const auto* const table = static_cast<const std::byte*>(loader.table(tpm_final_log_guid));
    const auto events = TpmLogFormat::open({log.begin, log.size});
    if (table == nullptr || log.format != tcg_2 || !events) {
        return 0;
    }
    u64 size = 0;
    for (u64 i = load<FinalEvents>(table).count; i > 0; i--) {
        const auto event = events->event_size(table + sizeof(FinalEvents) + size);
        if (!event || size + *event > most_log) {
            return 0;
        }
        size += *event;
    }
    return static_cast<u32>(size);
}

} // namespace

std::optional<TpmLogFormat> TpmLogFormat::open(std::span<const std::byte> log) {
    if (log.size() < short_header_size + algorithms_at) {
        return std::nullopt;
    }
    const std::byte* const event = log.data() + short_header_size;
    const u64 event_size = load<u32>(log.data() + short_size_at);
    const u32 count = load<u32>(event + algorithm_count_at);
    if (std::memcmp(event, spec_name.data(), spec_name.size()) != 0 ||
        short_header_size + event_size > log.size() || count > decltype(digests_)::capacity ||
        algorithms_at + u64{count} * sizeof(Digest) > event_size) {
        return std::nullopt;
    }
    TpmLogFormat format;
    format.first_event_size_ = short_header_size + event_size;
    for (u32 i = 0; i < count; i++) {
        // No more than there is room for.
        (void)format.digests_.push(load<Digest>(event + algorithms_at + i * sizeof(Digest)));
    }
    return format;
}

std::optional<u64> TpmLogFormat::event_size(const std::byte* event) const {
    u64 at = digests_at;
    for (u32 i = load<u32>(event + digest_count_at); i > 0; i--) {
        const u16 algorithm = load<u16>(event + at);
        const auto* const found = std::ranges::find(digests_, algorithm, &Digest::algorithm);
        if (found == digests_.end() || i > digests_.size()) {
            return std::nullopt;
        }
        at += sizeof(algorithm) + found->size;
    }
    return at + sizeof(u32) + load<u32>(event + at);
}

void keep_tpm_log(Loader& loader) {
    auto* const tpm = loader.any<Tcg2>(tcg2_guid);
    if (tpm == nullptr) {
        return;
    }
    auto log = log_of(*tpm, tcg_2);
    if (!log) {
        log = log_of(*tpm, tcg_1_2);
    }
    if (!log || log->size > most_log) {
        loader.say("warning: the TPM's log cannot be read, so kernels will have none");
        return;
    }
    const auto memory = loader.pages(memory_type::acpi_reclaim, sizeof(LogTable) + log->size);
    if (!memory) {
        loader.say("warning: there is no memory for the TPM's log, so kernels will have none");
        return;
    }
    const LogTable table{static_cast<u32>(log->size), final_events_size(loader, *log), log->format};
    std::memcpy(memory->data(), &table, sizeof(table));
    std::memcpy(memory->data() + sizeof(table), log->begin, log->size);
    if (failed(loader.boot().install_configuration_table(&tpm_event_log_guid, memory->data()))) {
        loader.give_back(*memory);
        return;
    }
    loader.keep(*memory);
}

} // namespace baton::arm64::efi
