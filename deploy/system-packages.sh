#!/bin/sh
# Install Debian or Ubuntu packages where that may be done without asking.
#
# usage: deploy/system-packages.sh PACKAGE...
#        deploy/system-packages.sh --check PACKAGE...     only say whether they are there
#
# Exit status: 0 when all of them are installed in the end; 1 when some are not, after
# saying what to type.
set -eu

check=no
if [ "${1:-}" = --check ]; then
    check=yes
    shift
fi

missing=
for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null |
        grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$check" = no ] || exit 1

give_up() {
    echo "    $1; to install them: sudo apt-get install$missing" >&2
    exit 1
}

echo "==> system packages wanted:$missing"
command -v apt-get >/dev/null 2>&1 || give_up "no apt-get here"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    give_up "this user may not install packages"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# An old package list names files that are gone, so it is renewed first; if that fails, the
# list at hand may still do.
$sudo apt-get -qq update >"$log" 2>&1 || true
# shellcheck disable=SC2086 # Two lists of words.
if ! $sudo apt-get -qq -y --no-install-recommends install $missing >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "apt-get could not install them"
fi
