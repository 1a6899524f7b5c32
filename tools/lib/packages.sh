# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Installs the Debian packages that building, running and testing need, and only those which are missing.

baton_packages=(
    python3 gcc xz-utils e2fsprogs device-tree-compiler    # scripts, the spin model, test disks, DTBs
    clang-19 lld-19 llvm-19 clang-format-19                # the compiler of Baton
    libclang-rt-19-dev                                     # sanitizers of the unit tests
    libstdc++-12-dev doctest-dev                           # unit tests on this machine
    libstdc++-12-dev-arm64-cross libc6-dev-arm64-cross     # freestanding C++ headers for arm64; batonctl
    zlib1g-dev libzstd-dev                                 # batonctl's unit tests
    gcc-12-aarch64-linux-gnu make sparse                   # the Linux module, with the compiler of Debian's kernels
    meson ninja-build
    mtools                                                 # EFI system partitions
    spin                                                   # the model of the handover protocol
)
qemu_package=qemu-system-arm
qemu_minimum=1:10

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "packages are to be installed, and that needs root: run this command as root once, or install sudo."
    fi
}

apt_root() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" >&2
}

installed_version() { # package
    dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p' | head -n 1
}

missing_packages() {
    local package
    for package in "${baton_packages[@]}"; do
        [ -n "$(installed_version "$package")" ] || printf '%s\n' "$package"
    done
}

have_qemu() {
    local version
    version=$(installed_version "$qemu_package")
    [ -n "$version" ] && dpkg --compare-versions "$version" ge "$qemu_minimum"
}

require_debian_12() {
    local ID='' VERSION_CODENAME=''
    [ -r /etc/os-release ] && . /etc/os-release
    [ "$ID" = debian ] && [ "$VERSION_CODENAME" = bookworm ] && [ "$(dpkg --print-architecture)" = amd64 ] && return
    die "packages are missing, and this is ${ID:-an unknown system} ${VERSION_CODENAME:-}, not Debian 12 (bookworm)" \
        "on amd64. Install them yourself (list: tools/lib/packages.sh; QEMU 10 or newer), or use Debian 12."
}

# One line for each archive that apt knows: release|URI, Debian's own only.
debian_archives() {
    # shellcheck disable=SC2016  # apt expands these
    apt-get indextargets --format '$(ORIGIN)|$(CREATED_BY)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' |
        sed -n -E 's/^Debian( Backports)?\|Packages\|main\|//p' | sort -u
}

# The deb822 entry of one archive, whose signature is checked with Debian's own keys.
apt_source() { # release URI
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$2" "$1"
    printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n'
}

backports_file=/etc/apt/sources.list.d/baton-backports.sources

add_backports() {
    local uri
    IFS='|' read -r _ uri < <(debian_archives | grep '^bookworm|') ||
        die "apt has no 'bookworm main' archive configured. Add Debian 12's archive to /etc/apt and try again."
    say "QEMU $qemu_minimum or newer is in Debian's backports: adding $backports_file" \
        "(suite bookworm-backports, your own mirror). Nothing else of apt's set-up is changed."
    apt_source bookworm-backports "$uri" | as_root tee "$backports_file" >/dev/null
    if ! apt_root update; then
        as_root rm -f "$backports_file"
        die "your mirror serves no bookworm-backports ($backports_file is removed again)." \
            "Add an archive that does, or install QEMU 10 or newer yourself."
    fi
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} = 0 ] && have_qemu; then
        return
    fi
    require_debian_12
    say "updating apt's package lists"
    apt_root update || die "'apt-get update' failed: see its message above, mend the network or /etc/apt, try again."
    if [ ${#missing[@]} != 0 ]; then
        say "installing: ${missing[*]}"
        apt_root install -y --no-install-recommends "${missing[@]}" ||
            die "apt could not install one of: ${missing[*]}. See its message above."
    fi
    if ! have_qemu; then
        debian_archives | grep -q '^bookworm-backports|' || add_backports
        say "installing: $qemu_package (bookworm-backports)"
        apt_root install -y --no-install-recommends -t bookworm-backports "$qemu_package" ||
            die "apt could not install $qemu_package from bookworm-backports. See its message above."
        have_qemu || die "$qemu_package is $(installed_version "$qemu_package"), needed is $qemu_minimum or newer."
    fi
}
