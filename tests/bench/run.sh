#!/bin/sh
# Runs the measuring programs in the folder given (build/bench), on the servers of with-servers.sh, and says what they
# ran on.
# A figure that falls short is a measurement, not a failure; two sides that give different results are one.
set -u

folder=${1:-build/bench}
status=0
for name in resolve library decide decide_threads repeat lua_resolve lua_rows get get_pg get_mysql get_composite session_variable include include_engines \
  include_slow parts_pg insert_bulk_sqlite insert_bulk_pg insert_bulk_mysql transaction joint execute stream_sqlite stream_pg \
  stream_mysql jobs_sqlite jobs_pg; do
  "$folder/$name" || status=1
done
SHUNT_BUILD=$(dirname "$folder") LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH="$(dirname "$folder")/lua/?.so;;" \
  "${LUA:-lua5.4}" tests/bench/http.lua || status=1

cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
version() { pkg-config --modversion "$1" 2>/dev/null || echo unknown; }
echo "# ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores, $(uname -sr)," \
  "Lua $(version lua5.4), SQLite $(version sqlite3), $(${CC:-cc} --version 2>/dev/null | head -n 1)"
exit $status
