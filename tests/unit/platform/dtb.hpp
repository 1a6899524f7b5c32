// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/platform.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <libfdt.h>
#include <memory>
#include <string>
#include <vector>

/// DTBs for the tests: those that the build made (UNIT_DATA is its directory), and changes to them.
namespace baton::test {

/// Bytes on the heap at their exact size, so that the address sanitizer sees a read past the end.
class Dtb {
  public:
    explicit Dtb(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

    static Dtb load(const std::string& name) {
        std::ifstream file(std::string(UNIT_DATA) + "/" + name, std::ios::binary);
        REQUIRE_MESSAGE(file, name);
        std::vector<std::byte> bytes;
        for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
            bytes.push_back(static_cast<std::byte>(*at));
        }
        Dtb dtb(std::move(bytes));
        dtb.bytes_.resize(fdt_totalsize(dtb.data()));
        return dtb;
    }

    std::byte* data() { return bytes_.data(); }
    std::vector<std::byte>& bytes() { return bytes_; }
    operator Bytes() const { return bytes_; }

    /// Makes room, lets `change(fdt)` use libfdt's editing functions, packs again.
    template <class Change>
    Dtb& edit(Change change) {
        std::vector<std::byte> larger(bytes_.size() + 64 * 1024);
        REQUIRE(fdt_open_into(data(), larger.data(), static_cast<int>(larger.size())) == 0);
        change(larger.data());
        REQUIRE(fdt_pack(larger.data()) == 0);
        larger.resize(fdt_totalsize(larger.data()));
        larger.shrink_to_fit();
        bytes_ = std::move(larger);
        return *this;
    }
    Dtb& set(const char* path, const char* property, const std::vector<u32>& cells) {
        return edit([&](void* fdt) {
            const int node = find(fdt, path);
            REQUIRE(fdt_setprop(fdt, node, property, nullptr, 0) == 0);
            for (u32 cell : cells) {
                REQUIRE(fdt_appendprop_u32(fdt, node, property, cell) == 0);
            }
        });
    }
    Dtb& set(const char* path, const char* property, const char* text) {
        return edit([&](void* fdt) {
            REQUIRE(fdt_setprop_string(fdt, find(fdt, path), property, text) == 0);
        });
    }
    /// A list of strings: its NULs are in `texts`, but for the last.
    Dtb& set_texts(const char* path, const char* property, const std::string& texts) {
        return edit([&](void* fdt) {
            const auto size = static_cast<int>(texts.size() + 1);
            REQUIRE(fdt_setprop(fdt, find(fdt, path), property, texts.c_str(), size) == 0);
        });
    }
    Dtb& remove(const char* path, const char* property) {
        return edit([&](void* fdt) { REQUIRE(fdt_delprop(fdt, find(fdt, path), property) == 0); });
    }
    Dtb& remove(const char* path) {
        return edit([&](void* fdt) { REQUIRE(fdt_del_node(fdt, find(fdt, path)) == 0); });
    }

  private:
    static int find(const void* fdt, const char* path) {
        const int node = fdt_path_offset(fdt, path);
        REQUIRE_MESSAGE(node >= 0, path);
        return node;
    }
    std::vector<std::byte> bytes_;
};

using FullPlatform = arm64::FullPlatform;

inline std::unique_ptr<FullPlatform> parsed(const Dtb& dtb) {
    auto platform = std::make_unique<FullPlatform>();
    const auto result = parse_platform(dtb, *platform);
    INFO(std::string(platform->fault));
    REQUIRE(result);
    return platform;
}

inline std::unique_ptr<Division> divided(const Dtb& dtb, const Platform& platform) {
    auto division = std::make_unique<Division>();
    const auto result = divide(dtb, platform, *division);
    INFO(std::string(division->fault()));
    REQUIRE(result);
    return division;
}

/// The error with which a DTB is refused.
inline Error refusal(const Dtb& dtb) {
    auto platform = std::make_unique<FullPlatform>();
    const auto result = parse_platform(dtb, *platform);
    REQUIRE_FALSE(result);
    CHECK(std::string(platform->fault) != "");
    return result.error();
}

} // namespace baton::test
