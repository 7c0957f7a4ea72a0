#!/bin/sh
# For: the fuzzers, two at a time, for as many minutes in all.
# Use, in the project's folder: sh tests/fuzz/fuzzers.sh MINUTES FUZZER_PROGRAM...
#   LIBFUZZER=yes: the programs are libFuzzer's; inputs that reached new code are kept beside them, for the next time
# The first that fails ends it: its output is shown, and how to have it again. SHUNT_SEED: the clock's where it is not set.
set -u

AT_ONCE=2

with_libfuzzer() { # PROGRAM NAME
  dictionary=tests/fuzz/$2.dict
  [ ! -f "$dictionary" ] || dictionary=-dict=$dictionary
  mkdir -p "$1.corpus"
  "$1" "$dictionary" -seed="$SHUNT_SEED" -max_total_time="$FUZZ_SECONDS" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$1.found-" "$1.corpus" "tests/fuzz/corpus/$2"
}

if [ "$1" = --one ]; then # PROGRAM
  program=$2 name=${2##*/}
  log=$(mktemp) || exit 255
  if [ -n "${LIBFUZZER:-}" ]; then with_libfuzzer "$program" "$name"; else "$program" --seconds "$FUZZ_SECONDS"; fi >"$log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    echo "$name: $FUZZ_SECONDS s, $(grep -E '^(Done|fuzz) ' "$log")"
  else
    cat "$log"
    echo "---- $name failed with status $status, SHUNT_SEED=$SHUNT_SEED; again: $program $program.found-…"
  fi
  rm -f "$log"
  [ $status -eq 0 ] || exit 255 # which ends xargs
  exit 0
fi

minutes=$1
shift
at_once=$AT_ONCE
[ $# -ge "$at_once" ] || at_once=$#
export FUZZ_SECONDS=$((minutes * 60 * at_once / $#))
export SHUNT_SEED="${SHUNT_SEED:-$(date +%s)}" UBSAN_OPTIONS=print_stacktrace=1
printf '%s\n' "$@" | xargs -P "$at_once" -I {} sh "$0" --one {} || exit 1
echo "fuzzers: $# of them, $FUZZ_SECONDS s each, SHUNT_SEED=$SHUNT_SEED: nothing failed"
