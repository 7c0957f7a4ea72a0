#!/bin/sh
# For: the tests that draw their input at random, again and again with other seeds, for as long as a night has time.
# Use, in the project's folder: sh tests/fuzz/run.sh BUILD ROUNDS UNIT_TEST_PROGRAM...
#   in each round every program and every spec below runs once, two at a time, with the round's SHUNT_SEED
# The first one that fails ends it: its output is shown, and how to have it again. Each round of route/decide_test
# compares half a million decisions with those of the rules.
# SHUNT_SEED: of the first round; the clock's where it is not set.
set -u

specs='tests/spec/relate_differential_spec.lua tests/spec/module_rows_spec.lua
tests/engines/relate_engines_spec.lua tests/engines/load_spec.lua tests/engines/key_types_spec.lua
tests/engines/key_across_spec.lua tests/engines/parts_spec.lua tests/engines/conditions_spec.lua
tests/engines/related_spec.lua tests/engines/reads_spec.lua tests/engines/every_value_spec.lua
tests/engines/jobs_spec.lua tests/engines/unique_spec.lua tests/spec/jobs_tenants_spec.lua
tests/spec/attributes_spec.lua tests/spec/walk_spec.lua tests/engines/session_variables_spec.lua
tests/engines/nesting_spec.lua tests/engines/coroutines_spec.lua tests/engines/joint_spec.lua
tests/engines/outcome_spec.lua tests/engines/outcome_several_spec.lua
tests/engines/reset_spec.lua tests/engines/ops_spec.lua tests/engines/ended_spec.lua'

LUA=${LUA:-lua5.4}
export CMOCKA_MESSAGE_OUTPUT=STDOUT UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1

say() { [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2; }

run() { # PROGRAM
  case $1 in
    *.lua) "$LUA" "$(command -v busted)" --output=plainTerminal "$1" ;;
    *) "$1" ;;
  esac
}

if [ "$1" = --one ]; then # ROUND PROGRAM, within a round
  say "round $2: $3"
  log=$(mktemp) || exit 255
  run "$3" >"$log" 2>&1 </dev/null
  status=$?
  if [ $status -ne 0 ]; then
    say
    cat "$log"
    echo "---- failed with status $status; again: SHUNT_SEED=$SHUNT_SEED $3"
  fi
  rm -f "$log"
  [ $status -eq 0 ] || exit 255 # which ends xargs
  exit 0
fi

build=$1 rounds=$2
shift 2
export SHUNT_BUILD="$build" SHUNT_BIN="$build/shunt"
export LUA_PATH="./lua/?.lua;./lua/?/init.lua;./tests/?.lua;${LUA_PATH:-;}" LUA_CPATH="$build/lua/?.so;${LUA_CPATH:-;}"

seed=${SHUNT_SEED:-$(date +%s)}
round=1
while [ "$round" -le "$rounds" ]; do
  # the places at which connections are cut: every one, once
  if [ "$round" -eq 1 ]; then SHUNT_CUTS=all; else SHUNT_CUTS=20; fi
  export SHUNT_CUTS
  # shellcheck disable=SC2086 # the specs are words
  printf '%s\n' "$@" $specs |
    SHUNT_SEED=$seed xargs -P 2 -I {} sh "$0" --one "$round of $rounds" {} || exit 1
  round=$((round + 1)) seed=$((seed + 1))
done
say
echo "fuzz: $rounds rounds, the last with SHUNT_SEED=$((seed - 1)): nothing failed"
