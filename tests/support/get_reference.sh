#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetch the nats-server of a Debian release, the program that midge is compared with.
#
#     get_reference.sh CODENAME DIRECTORY
#
# CODENAME   bookworm (2.9), trixie (2.10), sid (2.15 or newer), ...
# DIRECTORY  where the package is unpacked; the program is then DIRECTORY/usr/sbin/nats-server
#
# The mirror is the one this machine's own apt uses. Everything apt writes goes to a directory of
# its own below DIRECTORY: nothing is installed and the machine's package lists stay as they are.
# The last line printed is the path of the program.
set -eu

die()
{
        echo "get_reference.sh: $*" >&2
        exit 1
}

[ $# -eq 2 ] || die "usage: get_reference.sh CODENAME DIRECTORY"
codename=$1
mkdir -p "$2"
target=$(cd "$2" && pwd)

find_program()
{
        for path in usr/sbin/nats-server usr/bin/nats-server; do
                if [ -x "$target/$path" ]; then
                        echo "$target/$path"
                        return 0
                fi
        done
        return 1
}

# A second call costs nothing.
if find_program; then
        exit 0
fi

# The first archive in apt's own index list that offers Debian's main component and is not the
# security archive, which has no other release's packages.
mirror=$(apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(REPO_URI) $(ORIGIN)' |
        awk '$1 == "Packages" && $2 == "main" && $4 == "Debian" && $3 !~ /security/ { print $3; exit }')
if [ -z "$mirror" ]; then
        mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
                /etc/apt/sources.list.d/*.sources 2>/dev/null |
                grep -Eo 'https?://[^ ]*/debian/?( |$)' | head -n 1 | tr -d ' ')
fi
[ -n "$mirror" ] || die "no Debian mirror in apt's sources"

private=$target/.apt
mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/state"
: >"$private/state/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -r "$keyring" ]; then
        option="[signed-by=$keyring] "
else
        option=
fi
echo "deb $option$mirror $codename main" >"$private/sources.list"

private_apt()
{
        apt-get -qq \
                -o Dir::Etc::sourcelist="$private/sources.list" \
                -o Dir::Etc::sourceparts=- \
                -o Dir::State::lists="$private/lists" \
                -o Dir::State::status="$private/state/status" \
                -o Dir::Cache="$private/cache" \
                -o Acquire::Languages=none \
                -o APT::Sandbox::User= \
                "$@" >&2
}

private_apt update
(cd "$private" && private_apt download nats-server)
dpkg -x "$private"/nats-server_*.deb "$target"
rm -rf "$private"
find_program || die "the package of $codename holds no nats-server"
