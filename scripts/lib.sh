# shellcheck shell=bash
# What the other scripts share. Sourced, never run.

# A login shell of an ordinary user on Debian lacks the directories where dockerd and friends live.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $1"
    shift
    local line
    for line in "$@"; do say "  $line"; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [[ $(id -u) -eq 0 ]]; }

# Root, or a sudo that asks for nothing.
may_be_root() { is_root || { have sudo && sudo -n true 2>/dev/null; }; }

as_root() { if is_root; then "$@"; else sudo -n "$@"; fi; }

systemd_runs() { [[ -d /run/systemd/system ]]; }

# ---- Rust -------------------------------------------------------------------------------------------------------

need_cargo() {
    if ! have cargo && [[ -x ${HOME:-/root}/.cargo/bin/cargo ]]; then PATH="${HOME:-/root}/.cargo/bin:$PATH"; fi
    have cargo || die "cargo was not found." \
        "Install Rust (Cargo.toml names the version) from https://rustup.rs and run this again."
}

# The minimal profile of rustup comes without these two.
need_cargo_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    have rustup && rustup component add "$2" >&2 && return
    die "cargo $1 is missing." "Install it with: rustup component add $2"
}

release_binary() { printf '%s\n' "${CARGO_TARGET_DIR:-target}/release/docker-watcher"; }

# ---- Debian packages --------------------------------------------------------------------------------------------

apt_lists_are_fresh=

apt_get() {
    # needrestart would restart services, a running Docker among them, behind the user's back.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends "$@"
}

# Installs packages from the distribution and removes none: it never trades somebody's containerd.io or podman-docker
# for a package of ours.
apt_install() { apt_run --no-remove "$@"; }

# For a package that takes the place of another.
apt_replace() { apt_run --remove "$@"; }

# OPTION PACKAGE…; apt's own output appears only when it fails.
apt_run() {
    local option=$1 log
    shift
    have apt-get || die "this is not Debian or a relative of it: please install these packages yourself: $*"
    may_be_root || die "some packages are missing, and installing them takes root." \
        "Type: sudo apt-get install -y $*"
    say "Installing from the distribution: $*"
    log=$(mktemp)
    if [[ -z $apt_lists_are_fresh ]]; then
        # One broken third-party source is no reason to give up: the install says what it could not find.
        apt_get update >"$log" 2>&1 || true
        apt_lists_are_fresh=yes
    fi
    if ! apt_get "$option" install "$@" >>"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $*"
    fi
    rm -f "$log"
}

# Runs an installation whose packages must not start their services. invoke-rc.d and deb-systemd-invoke ask
# policy-rc.d first; 101 means no. A policy that was there before comes back, whatever happens.
without_starting_services() (
    policy=/usr/sbin/policy-rc.d
    saved=$policy.before-docker-watcher
    mark='temporary, by docker-watcher'

    # shellcheck disable=SC2317 # called by the trap
    restore() {
        as_root rm -f "$policy"
        if [[ -e $saved ]]; then as_root mv "$saved" "$policy"; fi
    }

    if [[ -e $policy ]] && ! grep -q "$mark" "$policy"; then as_root mv "$policy" "$saved"; fi
    trap restore EXIT
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    "$@"
)

# The packages that provide dockerd and the docker command and are missing, one a line. Debian 13 ships the
# command separately.
missing_engine_packages() {
    have dockerd || echo docker.io
    have iptables || echo iptables
    if ! have docker && have apt-cache && [[ -n $(apt-cache madison docker-cli 2>/dev/null) ]]; then echo docker-cli; fi
}

missing_compiler_packages() {
    # SQLite is compiled in.
    have cc || printf '%s\n' gcc libc6-dev
}

# ---- What a private engine needs: dockerd, and a static busybox to make images of -----------------------------------

busybox_is_static() { have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

# An engine that comes for tests alone is started neither now nor when the machine starts.
install_engine_at_rest() {
    local packages
    mapfile -t packages < <(missing_engine_packages)
    if ((${#packages[@]})); then
        without_starting_services apt_install "${packages[@]}"
        if have systemctl && [[ " ${packages[*]} " == *' docker.io '* ]]; then
            as_root systemctl disable --quiet docker.service docker.socket containerd.service 2>/dev/null || true
        fi
    fi
    # Known only once apt has its lists: Debian 13 has the docker command in a package of its own.
    mapfile -t packages < <(missing_engine_packages)
    if ((${#packages[@]})); then apt_install "${packages[@]}"; fi

    # It takes the place of the dynamically linked busybox, with the same commands.
    if ! busybox_is_static; then apt_replace busybox-static; fi
}
