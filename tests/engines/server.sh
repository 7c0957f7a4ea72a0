#!/bin/sh
# For: one throwaway database server, in a folder of its own, run by a user who may do nothing else.
# Owner: the folder DIR belongs to with-servers.sh, which makes and removes it; DIR/ENGINE belongs to the server.
# Use: sh tests/engines/server.sh make|start|kill|pause|resume|stop pg|mysql|pgbouncer DIR
#   make   a new server, not running, with the users that README.md names and a certificate for 127.0.0.1, whose authority is
#          DIR/ENGINE/ca.pem. For mysql it is MariaDB's where that is installed, else MySQL's own; MYSQL=mariadb or
#          MYSQL=mysql in the environment says which. pgbouncer is a pooler in transaction mode in front of the pg in DIR,
#          which runs already: few connections, and each transaction gets another one
#   start  returns when it takes connections; the same port and data each time. More options of the server's own, as
#          DIR/ENGINE/options holds them, go on top
#   kill   SIGKILL, as a crash would; what it had committed is there after the next start
#   pause  it answers nothing any more, as if it hung, until
#   resume
#   stop   at once; nothing is left of it outside of DIR
# Only processes that run on DIR are ever signalled.
set -u

action=$1
engine=$2
dir=$3
home=$dir/$engine
WAIT_S=30
PASSWORD=opensesame

die() {
  echo "$engine server: $*" >&2
  exit 1
}

# ---- who runs it, and which program it is ----

# Servers refuse to run as root: then they run as the user of their package, or as an unprivileged user.
user=
if [ "$(id -u)" -eq 0 ]; then
  case $engine in pg | pgbouncer) user=postgres ;; mysql) user=mysql ;; esac
  id "$user" >/dev/null 2>&1 || user=nobody
fi
as_user() {
  if [ -z "$user" ]; then
    "$@"
  else
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
  fi
}

# The newest PostgreSQL that is installed: Debian keeps them apart by version, and out of PATH.
pg_program() {
  found=$(find /usr/lib/postgresql/*/bin -name "$1" 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v "$1") || die "there is no $1 here: 'make deps' installs it"
  echo "$found"
}
mysql_program() {
  PATH=$PATH:/usr/sbin command -v "$1" || die "there is no $1 here: 'make deps' installs it"
}

# Prints mariadb or mysql. MariaDB's packages have a mysqld too, which is theirs.
mysql_kind() {
  case ${MYSQL:-} in
  mariadb | mysql) echo "$MYSQL" ;;
  '') if PATH=$PATH:/usr/sbin command -v mariadbd >/dev/null; then echo mariadb; else echo mysql; fi ;;
  *) die "MYSQL is '$MYSQL'; it says which server to start, mariadb or mysql" ;;
  esac
}
pgbouncer_program() {
  PATH=$PATH:/usr/sbin command -v pgbouncer || die "there is no pgbouncer here: 'make deps' installs it"
}
mysqld_program() {
  found=$(mysql_program mysqld) || exit 1
  case $("$found" --version) in *MariaDB*) die "there is only MariaDB here, no MySQL" ;; esac
  echo "$found"
}

# ---- the process ----

# Prints the server's process id, or fails where it does not run. The number alone could belong to another process by now.
pid_of() {
  pid=$(head -n 1 "$home/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  grep -qaF "$home/data" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

gone_within() { # SECONDS
  left=$(($1 * 20))
  while pid_of >/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.05
  done
}

ready() {
  case $engine in
  pg) [ "$(sed -n '8s/ *$//p' "$home/data/postmaster.pid" 2>/dev/null)" = ready ] ;;
  mysql) grep -q 'ready for connections' "$home/log" ;;
  pgbouncer) grep -q 'process up' "$home/log" ;;
  esac
}

# In a session of its own, so that an interrupt at the terminal reaches only with-servers.sh, which stops it; and detached, so
# that no process has to wait for it.
launch() {
  (
    cd "$home" || exit 1
    exec >"$home/log" 2>&1 </dev/null # here, since the shell behind & keeps what it had before
    # shellcheck disable=SC2016 # for the inner shell
    as_user setsid sh -c 'echo $$ >pid; exec "$@"' sh "$@" &
  )
}

# What a test wants otherwise.
more_options() { cat "$home/options" 2>/dev/null; }

launch_pg() { # PORT
  rm -f "$home/data/postmaster.pid"
  # shellcheck disable=SC2046 # a list of words
  launch "$(pg_program postgres)" -D "$home/data" -c port="$1" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$home" -c fsync=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=50 -c max_prepared_transactions=50 \
    -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=256MB -c autovacuum=off -c jit=off -c timezone=UTC \
    -c dynamic_shared_memory_type=mmap -c ssl=on -c ssl_cert_file="$home/server.pem" -c ssl_key_file="$home/server.key" \
    $(more_options)
}

# In a temporary folder that it shares, a server that starts takes the tables of one that runs for left over.
launch_mysqld() { # PORT PROGRAM [OPTION...]
  port=$1
  shift
  # shellcheck disable=SC2046 # a list of words
  launch "$@" --datadir="$home/data" --tmpdir="$home" --socket="$home/socket" --port="$port" --bind-address=127.0.0.1 \
    --skip-name-resolve --skip-log-bin --character-set-server=utf8mb4 --max-connections=50 \
    --innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=0 --innodb-use-native-aio=0 --innodb-buffer-pool-size=64M \
    --pid-file="$home/data/server.pid" --init-file="$home/users.sql" --ssl-cert="$home/server.pem" \
    --ssl-key="$home/server.key" $(more_options)
}

launch_mysql() { # PORT
  case $(cat "$home/kind") in
  mariadb) launch_mysqld "$1" "$(mysql_program mariadbd)" --no-defaults ;;
  mysql) launch_mysqld "$1" "$(mysqld_program)" --no-defaults --mysqlx=OFF --secure-file-priv=NULL ;;
  esac
}

# It knows nothing of prepared statements, as before its version 1.21. Its log is what it writes to its output.
launch_pgbouncer() { # PORT
  {
    printf '%s\n' '[databases]' "* = host=$dir/pg port=$(cat "$dir/pg/port") user=shunt" '[pgbouncer]' 'auth_type = any' \
      'pool_mode = transaction' 'server_round_robin = 1' 'default_pool_size = 3' 'listen_addr = 127.0.0.1' \
      "listen_port = $1" "unix_socket_dir = $home"
    ! "$(pgbouncer_program)" --version | grep -qE '1\.(2[1-9]|[3-9][0-9])' || echo 'max_prepared_statements = 0'
    more_options
  } >"$home/data/pgbouncer.ini"
  launch "$(pgbouncer_program)" "$home/data/pgbouncer.ini"
}

# Starts it and waits. Fails where it ended by itself.
start_at() { # PORT
  rm -f "$home/log" "$home/pid"
  "launch_$engine" "$1"
  left=$((WAIT_S * 20))
  until [ -s "$home/pid" ] && ready && pid_of >/dev/null; do
    sleep 0.05
    left=$((left - 1))
    [ "$left" -gt 0 ] || die "it does not start within $WAIT_S s: $(tail -n 5 "$home/log")"
    [ ! -s "$home/pid" ] || kill -0 "$(cat "$home/pid")" 2>/dev/null || return 1
  done
}

# Below the ports that the system gives out by itself.
random_port() {
  echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

start() {
  if [ -s "$home/port" ]; then
    start_at "$(cat "$home/port")" || die "it ended at once: $(tail -n 5 "$home/log")"
    return
  fi
  for _ in 1 2 3 4 5 6; do # a port may be taken
    port=$(random_port)
    if start_at "$port"; then
      echo "$port" >"$home/port"
      return
    fi
  done
  die "it ended at once: $(tail -n 5 "$home/log")"
}

# ---- making and ending ----

# For 127.0.0.1 alone, by an authority that this server has to itself.
make_certificate() {
  set -- req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650
  {
    as_user openssl "$@" -subj "/CN=authority of a $engine server for tests" -keyout "$home/ca.key" -out "$home/ca.pem" &&
      as_user openssl "$@" -CA "$home/ca.pem" -CAkey "$home/ca.key" -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -addext basicConstraints=CA:FALSE -keyout "$home/server.key" -out "$home/server.pem"
  } >"$home/log" 2>&1 || die "its certificate can't be made: $(tail -n 5 "$home/log")"
}

make_pg() {
  initdb=$(pg_program initdb) || exit 1
  as_user "$initdb" -D "$home/data" --no-sync -A trust -U postgres -E UTF8 --locale=C >"$home/log" 2>&1 ||
    die "initdb failed: $(tail -n 5 "$home/log")"
  printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$home/data/pg_hba.conf"
  printf '%s\n' "CREATE ROLE shunt LOGIN CREATEDB PASSWORD '$PASSWORD'" 'CREATE DATABASE shunt OWNER shunt' |
    as_user "$(pg_program postgres)" --single -D "$home/data" -c fsync=off postgres >"$home/log" 2>&1 ||
    die "its users can't be made: $(tail -n 5 "$home/log")"
}

# --force: a machine whose own name is not known, nor localhost, will do. A temporary folder of its own, as for the server
make_mariadb_data() {
  install_db=$(mysql_program mariadb-install-db) || exit 1
  as_user "$install_db" --no-defaults --force --datadir="$home/data" --tmpdir="$home" --auth-root-authentication-method=normal \
    --skip-test-db --skip-name-resolve --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 \
    --innodb-use-native-aio=0 >"$home/log" 2>&1 || die "mariadb-install-db failed: $(tail -n 5 "$home/log")"
}

make_mysql_data() {
  mysqld=$(mysqld_program) || exit 1
  as_user "$mysqld" --no-defaults --initialize-insecure --datadir="$home/data" --tmpdir="$home" --secure-file-priv=NULL \
    --innodb-redo-log-capacity=32M --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-use-native-aio=0 \
    >"$home/log" 2>&1 || die "mysqld --initialize-insecure failed: $(tail -n 5 "$home/log")"
}

make_mysql() {
  kind=$(mysql_kind) || exit 1
  echo "$kind" >"$home/kind"
  "make_${kind}_data"
  printf '%s\n' "CREATE USER IF NOT EXISTS 'shunt'@'localhost';" \
    "CREATE USER IF NOT EXISTS 'shunt'@'127.0.0.1' IDENTIFIED BY '$PASSWORD';" \
    "GRANT ALL ON *.* TO 'shunt'@'localhost', 'shunt'@'127.0.0.1';" 'CREATE DATABASE IF NOT EXISTS shunt;' \
    >"$home/users.sql"
}

make_pgbouncer() {
  pgbouncer_program >/dev/null && as_user mkdir "$home/data"
}

# PostgreSQL keeps one System V segment, which outlives a crash.
remove_segment() {
  segment=$(sed -n '7s/.* //p' "$home/data/postmaster.pid" 2>/dev/null)
  [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
}

# All of its processes: PostgreSQL has one for each connection.
signal_all() { # SIGNAL
  pid=$(pid_of) || die "it does not run"
  all="$pid $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)"
  # shellcheck disable=SC2086 # a list of numbers
  kill "-$1" $all 2>/dev/null
}

# After the signal, a thread may still answer for a moment. One that has ended is stopped, too.
stops_within() { # SECONDS
  left=$(($1 * 100))
  for each in $all; do
    while cat "/proc/$each"/task/*/stat 2>/dev/null | sed 's/.*) //' | grep -q '^[^TZX]'; do
      left=$((left - 1))
      [ "$left" -gt 0 ] || return 1
      sleep 0.01
    done
  done
}

case $action in
make)
  mkdir "$home" && { [ -z "$user" ] || chown "$user" "$home"; } || exit 1
  [ "$engine" = pgbouncer ] || make_certificate
  "make_$engine"
  ;;
start) start ;;
kill)
  signal_all KILL
  gone_within 10 || die "it does not end"
  ;;
pause)
  signal_all STOP
  stops_within 10 || die "it does not stop"
  ;;
resume) signal_all CONT ;;
stop)
  if pid=$(pid_of); then
    # QUIT lets PostgreSQL tidy up and takes no time for anything else; the other server has nothing to tidy up.
    if [ "$engine" = pg ]; then kill -QUIT "$pid"; else kill -KILL "$pid"; fi
    gone_within 5 || kill -KILL "$pid" 2>/dev/null
    gone_within 5
  fi
  [ "$engine" != pg ] || remove_segment
  ;;
*) die "no such action: $action" ;;
esac
