#!/bin/sh
# For: finding the packages that shunt needs and this machine lacks, and installing them on Debian and its relatives.
# Use: sh tests/packages.sh [--check] build|test|servers|bench|lint|coverage|deb|rock|root ...
#      sh tests/packages.sh --modules
# Without --check, missing packages are installed. If no package is missing, nothing runs. --modules prints what
# pkg-config calls the libraries that shunt is built with, here: systems name two of them differently.
set -u

module() { "${PKG_CONFIG:-pkg-config}" --exists "$@" 2>/dev/null; }
# The first of these modules that is here, or the first of all.
first() {
  for name in "$@"; do
    module "$name" && echo "$name" && return
  done
  echo "$1"
}
lua_name() {
  if ! module lua5.4 && module 'lua >= 5.4 lua < 5.5'; then echo lua; else first lua5.4 lua-5.4 lua54; fi
}
mysql_name() { first mysqlclient libmariadb mariadb; }

if [ "${1:-}" = --modules ]; then
  echo "$(lua_name) sqlite3 libpq $(mysql_name) yaml-0.1 jansson"
  exit 0
fi

check=false
if [ "${1:-}" = --check ]; then
  check=true
  shift
fi

missing=
need() { # PACKAGE PROBE ARGUMENT
  "$2" "$3" >/dev/null 2>&1 || missing="$missing $1"
}
library() { module "$1"; }
program() { PATH=$PATH:/usr/sbin command -v "$1"; }
exists() { [ -e "$1" ]; }
jit_module() { luajit -e "require '$1'"; }
lua_module() { "${LUA:-lua5.4}" -e "os.exit(package.searchpath('$1', package.path) ~= nil)"; }

# For tests/engines/with-servers.sh. The -core packages start no service of their own.
has_postgres() { find /usr/lib/postgresql/*/bin -name postgres 2>/dev/null | grep -q . || program postgres; }
# MariaDB's server or MySQL's own: MYSQL of make names it; otherwise the one that is installed.
has_mysql() { PATH=$PATH:/usr/sbin mysqld --version 2>/dev/null | grep -qv MariaDB; }
mysql_server() {
  if [ "${MYSQL:-}" = mysql ]; then
    need mysql-server-core has_mysql -
  elif [ -n "${MYSQL:-}" ] || ! has_mysql; then
    need mariadb-server-core program mariadbd
    need mariadb-client-core program my_print_defaults
  fi
}
servers() {
  need postgresql has_postgres -
  mysql_server
  need openssl program openssl
}

# For the service of tests/hosts/http and its load.
http() {
  need libmicrohttpd-dev library libmicrohttpd
  need wrk program wrk
  need curl program curl
}

for purpose in "$@"; do
  case $purpose in
  build)
    need pkg-config program "${PKG_CONFIG:-pkg-config}"
    need liblua5.4-dev library "$(lua_name)"
    need libsqlite3-dev library sqlite3
    need libpq-dev library libpq
    need default-libmysqlclient-dev library "$(mysql_name)"
    need libyaml-dev library yaml-0.1
    need libjansson-dev library jansson
    need libedit-dev library libedit
    need lua5.4 program "${LUA:-lua5.4}"
    need lua-argparse lua_module argparse
    ;;
  test)
    need libcmocka-dev library cmocka
    need g++ program "${CXX:-g++}"
    need groff-base program groff # for tests of the manual pages
    need lua-busted lua_module busted.runner
    need pgbouncer program pgbouncer
    http
    need luajit program luajit # hosts with another Lua
    need lua-cjson jit_module cjson
    need python3 program python3
    need liblua5.1-0-dev library lua5.1
    need locales exists /usr/share/i18n/locales/de_DE # for tests in a locale with a decimal comma
    servers
    ;;
  servers) servers ;;
  bench)
    servers
    http
    ;;
  lint)
    need codespell program codespell
    need lua-check program luacheck
    need cppcheck program cppcheck
    need clang program clang
    need clang-format program clang-format
    need clang-tidy program clang-tidy
    need dwarves program pahole
    ;;
  coverage) need gcovr program gcovr ;;
  deb)
    need debhelper program dh
    need lintian program lintian
    ;;
  rock) need luarocks program luarocks ;;
  root) need debootstrap program debootstrap ;;
  *)
    echo "tests/packages.sh: no such purpose: $purpose (build, test, servers, bench, lint, coverage, deb, rock, root)" >&2
    exit 2
    ;;
  esac
done

[ -n "$missing" ] || exit 0

# ---- systems without apt-get ----

# What these systems call the packages for building. A name that begins with luarocks: comes from LuaRocks.
known_names='
Debian                     dnf                       apk                     pacman          brew
pkg-config                 pkgconf-pkg-config        pkgconf                 pkgconf         pkgconf
liblua5.4-dev              lua-devel                 lua5.4-dev              lua             lua
libsqlite3-dev             sqlite-devel              sqlite-dev              sqlite          sqlite
libpq-dev                  libpq-devel               libpq-dev               postgresql-libs libpq
default-libmysqlclient-dev mariadb-connector-c-devel mariadb-connector-c-dev mariadb-libs    mariadb-connector-c
libyaml-dev                libyaml-devel             yaml-dev                libyaml         libyaml
libjansson-dev             jansson-devel             jansson-dev             jansson         jansson
libedit-dev                libedit-devel             libedit-dev             libedit         libedit
lua5.4                     lua                       lua5.4                  lua             lua
lua-argparse               lua-argparse              lua-argparse            lua-argparse    luarocks:argparse
'

# Prints the command of this system that installs the missing packages, and the packages that have no name in the table.
advise() {
  for manager in dnf apk pacman brew; do
    command -v "$manager" >/dev/null 2>&1 || continue
    case $manager in
    dnf) install='dnf install' ;;
    apk) install='apk add' ;;
    pacman) install='pacman -S' ;;
    brew) install='brew install' ;;
    esac
    echo "$known_names" | awk -v missing="$missing" -v manager="$manager" -v install="$install" '
      $1 == "Debian" { for (i = 2; i <= NF; i++) if ($i == manager) column = i }
      NF && $1 != "Debian" { name[$1] = $column }
      END {
        n = split(missing, list, " ")
        for (i = 1; i <= n; i++) {
          known = name[list[i]]
          if (known == "") others = others " " list[i]
          else if (known in seen) continue
          else if (sub(/^luarocks:/, "", known)) rocks = rocks " " known
          else names = names " " known
          seen[known] = 1
        }
        if (names != "") print "  " install names
        if (rocks != "") print "  luarocks install" rocks
        if (others != "") print "  and what Debian calls" others
      }'
    return
  done
  echo "  what Debian calls$missing"
}

if ! command -v apt-get >/dev/null 2>&1; then
  echo "shunt needs packages that are not installed here. Install them, then run make again:" >&2
  advise >&2
  exit 1
fi
if $check; then
  echo "shunt needs these packages, which are not installed here:$missing" >&2
  echo "'make deps' installs them." >&2
  exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "Run this as root, then run make again: apt-get install$missing" >&2
    exit 1
  fi
  as_root=sudo
fi

echo "installing:$missing"
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
# A third-party source that can't be reached must not stop what Debian's own can give.
apt update || echo "apt-get update failed: going on with the package lists that are here" >&2
log=$(mktemp)
# shellcheck disable=SC2086 # a list of names
if ! apt install -y --no-install-recommends $missing >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  exit 1
fi
rm -f "$log"
