#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Prove the README on a machine that has nothing: a new Debian 12 in a folder, git and a shell.
#
#     fresh_debian.sh [DIRECTORY]     (root; DIRECTORY must not exist, default: a temporary one)
#
# The repository's HEAD is cloned into it; then ./dev run must serve a TLS handshake, and ./dev test must
# pass. Packages come from the mirror of this machine's apt. Everything is removed at the end.
set -euo pipefail

die()
{
        echo "fresh_debian.sh: $*" >&2
        exit 1
}

[ "$(id -u)" = 0 ] || die "must be root: it makes a chroot"
command -v debootstrap >/dev/null || die "needs debootstrap"
repository=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -le 1 ] || die "usage: fresh_debian.sh [DIRECTORY]"
if [ $# = 1 ]; then
        [ ! -e "$1" ] || die "$1 is already there"
        mkdir -p "$1"
        root=$(cd "$1" && pwd)
else
        root=$(mktemp -d /var/tmp/fresh-debian.XXXXXX)
fi
chmod 755 "$root" # apt downloads as a user of its own
mounts=()

finish()
{
        local status=$? i
        # Processes of the chroot were started by this script; it waits for them before it comes here.
        for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
                umount -l "${mounts[$i]}" || true
        done
        if grep -q " $root/" /proc/mounts; then
                echo "fresh_debian.sh: $root still has mounts; left as it is" >&2
        else
                rm -rf --one-file-system "$root"
        fi
        exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

mount_into() # SOURCE TARGET MOUNT-ARGS...
{
        local source=$1 target=$root/$2
        shift 2
        mkdir -p "$target"
        mount "$@" "$source" "$target"
        mounts+=("$target")
}

mirror=$(apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(COMPONENT) $(REPO_URI)' |
        awk '$1 == "Packages" && $2 == "bookworm" && $3 == "main" { print $4; exit }')
[ -n "$mirror" ] || die "this machine's apt knows no mirror with bookworm"

echo "== Debian 12 from $mirror in $root"
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        die "debootstrap failed"
}
rm -f "$root.log"
# What lets this machine's apt reach its mirror lets the chroot's.
for file in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf; do
        [ ! -f "$file" ] || cp -L "$file" "$root$file"
done
for file in /etc/apt/apt.conf.d/*prox*; do
        [ ! -f "$file" ] || cp "$file" "$root/etc/apt/apt.conf.d/"
done
# debootstrap made /dev of its own; the host's is not bound, so nothing of it can be lost here.
mount_into proc proc -t proc
mount_into devpts dev/pts -t devpts -o newinstance,ptmxmode=0666
mount_into tmpfs dev/shm -t tmpfs

git clone -q --no-local "$repository" "$root/midge"

inside() # COMMAND: a shell line, in the clone, with a bare environment
{
        chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                LANG=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
                /bin/bash -c "cd /midge && $1" </dev/null
}

echo "== ./dev run"
inside './dev run -- -p 14222 -ms 18222 -P /midge.pid -l /midge.log' &
runner=$!
tries=0
until [ -s "$root/midge.log" ] && grep -q 'Server is ready' "$root/midge.log"; do
        kill -0 $runner 2>/dev/null || die "./dev run ended before the server was ready"
        tries=$((tries + 1))
        [ $tries -lt 900 ] || {
                kill $runner
                die "./dev run was not ready within 15 minutes"
        }
        sleep 1
done
inside 'apt-get -qq install --no-install-recommends -y curl >/dev/null 2>&1 &&
        curl -sS --cacert .dev/certs/ca.pem https://localhost:18222/varz | grep -q "\"tls_required\": true"' ||
        die "the server does not answer over HTTPS with its development certificate"
inside 'kill -INT "$(cat /midge.pid)"'
wait $runner || die "./dev run ended with status $?"
echo "== ./dev run is fine"

echo "== ./dev test"
inside './dev test'
echo "== ./dev test is fine: the README holds on a new Debian 12"
