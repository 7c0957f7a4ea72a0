#!/bin/sh
# For: running a command with a PostgreSQL and a MariaDB or MySQL at hand that are there for it alone, and gone right after
# it.
# Use: sh tests/engines/with-servers.sh [--private] [--only pg|mysql] [--pooled] COMMAND [ARGUMENT...]
#   A server that SHUNT_TEST_PG or SHUNT_TEST_MYSQL names already is used as it is.
#   --private   not so: new ones, which the command may kill and start again (SHUNT_TEST_SERVERS says where they are)
#   --pooled    a new PostgreSQL alone, and a PgBouncer in front of it where that is installed
# README.md lists what the command finds in its environment.
#
# The command takes this process's place, so that it gets every signal and gives its own exit status. A keeper, in a
# session of its own, makes and starts the servers and stops them when this process is gone, however it went.
set -u

here=$(cd "$(dirname "$0")" && pwd)

# ---- the keeper: with-servers.sh --keep PID DIR ENGINE... ----

# One that has ended, and whose parent has not looked yet, does not run.
runs() { # PID
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  case ${stat##*) } in Z* | X*) return 1 ;; esac
}

if [ "${1:-}" = --keep ]; then
  parent=$2
  dir=$3
  shift 3
  exec 8<>"$dir/answer" # for reading too: the process that should read the answer may be gone
  jobs=
  bring_up() { sh "$here/server.sh" make "$1" "$dir" && sh "$here/server.sh" start "$1" "$dir"; }
  for engine in "$@"; do
    [ "$engine" != pgbouncer ] || continue
    bring_up "$engine" 8>&- &
    jobs="$jobs $!"
  done
  answer=ready
  for job in $jobs; do
    wait "$job" || answer=failed
  done
  case " $* " in *' pgbouncer '*) bring_up pgbouncer 8>&- || answer=failed ;; esac
  echo "$answer" >&8
  exec 8>&-
  while runs "$parent"; do sleep 0.1; done
  for engine in "$@"; do sh "$here/server.sh" stop "$engine" "$dir"; done
  rm -rf "$dir"
  exit
fi

# ---- the command ----

engines='pg mysql'
private=false
while :; do
  case ${1:-} in
  --private) private=true ;;
  --pooled)
    private=true
    engines=pg
    ! PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || engines='pg pgbouncer'
    ;;
  --only)
    engines=$2
    shift
    ;;
  *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || {
  echo 'use: sh tests/engines/with-servers.sh [--private] [--only pg|mysql] [--pooled] COMMAND [ARGUMENT...]' >&2
  exit 2
}

needed=
for engine in $engines; do
  case $engine in
  pg) given=${SHUNT_TEST_PG:-} ;;
  mysql) given=${SHUNT_TEST_MYSQL:-} ;;
  pgbouncer) given= ;;
  *)
    echo "with-servers.sh: no such engine: $engine" >&2
    exit 2
    ;;
  esac
  if $private || [ -z "$given" ]; then needed="$needed $engine"; fi
done

if [ -n "$needed" ]; then
  # Not in TMPDIR: the path of a socket may have 107 bytes, and the servers' user must be able to get there.
  dir=$(mktemp -d /tmp/shunt-servers.XXXXXX) && chmod 711 "$dir" && mkfifo "$dir/answer" || exit 1
  # shellcheck disable=SC2086 # a list of words
  setsid sh "$0" --keep $$ "$dir" $needed >"$dir/log" 2>&1 </dev/null &
  answer=
  read -r answer <"$dir/answer"
  if [ "$answer" != ready ]; then
    cat "$dir/log" >&2
    exit 1
  fi
  for engine in $needed; do
    port=$(cat "$dir/$engine/port")
    case $engine in
    pg)
      export SHUNT_TEST_PG="postgresql://shunt@/shunt?host=$dir/pg&port=$port"
      export SHUNT_TEST_PG_TCP="postgresql://shunt:opensesame@127.0.0.1:$port/shunt"
      ;;
    mysql)
      export SHUNT_TEST_MYSQL="mysql://shunt@localhost/shunt?socket=$dir/mysql/socket"
      export SHUNT_TEST_MYSQL_TCP="mysql://shunt:opensesame@127.0.0.1:$port/shunt"
      ;;
    pgbouncer) export SHUNT_TEST_PGBOUNCER="postgresql://shunt@/shunt?host=$dir/pgbouncer&port=$port" ;;
    esac
  done
  if $private; then export SHUNT_TEST_SERVERS="$dir"; fi
fi
exec "$@"
