// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/vgic.hpp"

namespace baton::arm64::gic {

template class BasicVgic<Machine>;

} // namespace baton::arm64::gic
