#!/bin/sh
# For: the Debian packages in a root of their own: installing, using, upgrading and removing them.
# Use, as root, in the project's folder: sh tests/deb.sh FOLDER_OF_PACKAGES ROOT
#   ROOT is made with debootstrap if it does not exist, and stays. The packages themselves are removed at the end.
#   MIRROR   of Debian; http://deb.debian.org/debian if it is not set
# The last line reads "N passed, N failed".
set -u

debs=$1
root=$2
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
passed=0
failed=0

check() { # WHAT STATUS
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "not so: $1" >&2
    tail -n 20 "$root/tmp/log" >&2
  fi
}

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/tmp "$@"; }
run() { # WHAT COMMAND...
  what=$1
  shift
  inside "$@" >"$root/tmp/log" 2>&1
  check "$what" $?
}
prints() { # WHAT EXPECTED COMMAND...
  what=$1
  expected=$2
  shift 2
  inside "$@" >"$root/tmp/log" 2>&1
  [ "$(cat "$root/tmp/log")" = "$expected" ]
  check "$what" $?
}
install_from() { # FOLDER PACKAGE...
  from=$1
  shift
  rm -rf "$root/tmp/debs"
  mkdir "$root/tmp/debs"
  for package in "$@"; do cp "$from/${package}_"*.deb "$root/tmp/debs"; done
  inside sh -c 'apt-get -qq -y --no-install-recommends install /tmp/debs/*.deb' >"$root/tmp/log" 2>&1
}

if [ ! -e "$root/etc/debian_version" ]; then
  debootstrap --variant=minbase "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" >/dev/null || exit 1
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp tests/hosts/resolve.c "$root/tmp/resolve.c"
inside apt-get -qq update >"$root/tmp/log" 2>&1
check "the root's package lists are read" $?
inside apt-get -qq -y --no-install-recommends install gcc libc6-dev pkg-config man-db >"$root/tmp/log" 2>&1
check "the root has a compiler" $?
# Images for containers leave out manual pages.
rm -f "$root/etc/dpkg/dpkg.cfg.d/docker"

# ---- the library alone ----

install_from "$debs" libshunt0
check "libshunt0 is installed" $?
install_from "$debs" libshunt0 libshunt-dev
check "libshunt-dev is installed" $?
run "a host program is built with pkg-config alone" sh -c \
  'gcc -std=c11 -Wall -Wextra -Werror -o /tmp/resolve /tmp/resolve.c $(pkg-config --cflags --libs shunt)'
run "a host program is built with the static library" sh -c \
  'gcc -std=c11 -o /tmp/resolve-static /tmp/resolve.c $(pkg-config --cflags shunt) -l:libshunt.a \
    $(pkg-config --libs $(pkg-config --print-requires-private shunt)) -lm -pthread'
run "man finds the pages of functions" man -w shunt_open

# ---- everything ----

install_from "$debs" libshunt0 libshunt-dev lua-shunt shunt
check "all packages are installed" $?
store=/usr/share/shunt/rules/store/shunt.yaml
prints "the host program runs" "user: user" /tmp/resolve "$store" user
prints "the host program with the static library runs" "user: user" /tmp/resolve-static "$store" user
prints "a Lua program runs" user lua5.4 -e "print(require('shunt').open('$store'):session{}:resolve('user').client)"
run "shunt init makes an application" shunt init /tmp/app
run "the command reads its rows" shunt query user --include orders -c /tmp/app/shunt.yaml
for page in '1 shunt' '3 shunt' '5 shunt.yaml' '7 shunt-rules'; do
  # shellcheck disable=SC2086 # two words
  run "man finds $page" man -w $page
done

# ---- upgrade: the same packages with a newer version ----

newer=$(mktemp -d)
for package in libshunt0 libshunt-dev lua-shunt shunt; do
  dpkg-deb -R "$debs/${package}_"*.deb "$newer/$package"
  sed -i 's/+[0-9]*\( *\|)\)$/+99\1/; s/(= \([0-9.]*\)+[0-9]*)/(= \1+99)/' "$newer/$package/DEBIAN/control"
  dpkg-deb -b "$newer/$package" "$newer/${package}_99.deb" >/dev/null
done
install_from "$newer" libshunt0 libshunt-dev lua-shunt shunt
check "all packages are upgraded" $?
for package in libshunt0 libshunt-dev lua-shunt shunt; do
  inside dpkg-query -W -f '${Version} ${db:Status-Abbrev}\n' "$package" >"$root/tmp/log" 2>&1
  grep -q '+99 ii' "$root/tmp/log"
  check "$package is upgraded" $?
done
prints "the host program runs after the upgrade" "user: user" /tmp/resolve "$store" user
rm -rf "$newer"

# ---- remove ----

rm -rf "$root/tmp/app" "$root/tmp/debs" "$root/tmp/resolve" "$root/tmp/resolve-static"
run "all packages are removed" apt-get -qq -y purge libshunt0 libshunt-dev lua-shunt shunt
# The index of manual pages and dpkg's own lists aside.
inside sh -c 'find / -xdev -name "*shunt*" ! -path "/proc/*" ! -path "/tmp/*" ! -path "/var/cache/man/*"' >"$root/tmp/log" 2>&1
[ ! -s "$root/tmp/log" ]
check "nothing is left behind" $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
