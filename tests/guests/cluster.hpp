// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/smp.hpp"

/// The counters of this CPU's cluster, where the DTB has some (`baton.dsu=model`).
namespace baton::guest {

/// As Baton makes them up: a cluster is four CPUs in a row.
inline constexpr u32 cpus_of_cluster = 4;

/// The INTID of a cluster's overflow interrupt; nothing: there is no such cluster.
std::optional<u32> cluster_line(u32 cluster);
inline u32 cluster_of(const Cpu& cpu) { return cpu.index / cpus_of_cluster; }

/// Leaves every register with another value than after a cold boot, counters that count, and
/// overflows that interrupt. Without a unit: nothing.
void leave_cluster();

/// Requires that all registers are as after a cold boot. One CPU of a cluster at a time: it selects
/// each counter in turn. Without a unit: nothing.
void examine_cluster();

/// The same for all clusters, each on its first CPU that is online, or here.
void examine_clusters();

} // namespace baton::guest
