#!/bin/sh
# The example shop at work: shows each command and its output.
# Use: sh rules/store/demo.sh [SHUNT [ENV]]   (make demo does, and with ENV engines make demo ENGINES=1)
set -eu
shunt=${1:-shunt}
env=${2:-}
cd "$(dirname "$0")/../.."
# Unless other servers are named: those that tests/engines/with-servers.sh has started.
export STORE_PG="${STORE_PG:-${SHUNT_TEST_PG:-}}" STORE_MYSQL="${STORE_MYSQL:-${SHUNT_TEST_MYSQL:-}}"

say() { printf '\n# %s\n' "$*"; }
run() { # shows the command as a user would type it here, then runs it
  printf '$ %s' "${shunt#"$PWD"/}"
  for word in "$@"; do
    case $word in
    '' | *[!a-zA-Z0-9_./=:,-]*) printf " '%s'" "$word" ;;
    *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
  "$shunt" "$@"
}
ask() { # run, on the shop
  command=$1
  shift
  run "$command" "$@" -c rules/store/shunt.yaml ${env:+--env "$env"}
}

say 'Fill the datasources: main, user, order, order-eu and one for the isolated instance.'
run run rules/store/generate.lua --seed 1 --users 40 ${env:+--env "$env"}

say 'Where do users live, and the orders of user 7?'
ask resolve user
ask resolve order --where user_id=7

say 'The same orders for a European tenant, for the isolated instance, and for a report.'
ask resolve order --where user_id=7 --instance eu-acme
ask resolve order --where user_id=7 --instance isolateTest
ask resolve order --where user_id=7 --attr purpose=report

say 'A write on a read-only plan is refused, and so the exit status is 1.'
status=0
ask resolve product --op write --attr plan=read-only || status=$?
echo "exit status $status"

say 'Why there? The whole way to a decision.'
ask explain --relation user.orders --where user_id=7 --instance eu-acme

say 'One user with profile, roles, orders, lines and products, from three datasources. --sql shows what ran where.'
ask query user --where id=7 --include profile,roles,orders.lines.product --sql

say 'Two orders, of the shop and of a European tenant. One transaction each, and a job that is sent after the commit.'
run run ${env:+--env "$env"} rules/store/checkout.lua
run run ${env:+--env "$env"} rules/store/checkout.lua eu-acme
ask jobs list --state ready

say 'A worker runs each job for the tenant whose session pushed it.'
ask worker --once
ask query order --where id=3900001 --where user_id=7 --columns id,iid,status --instance eu-acme

say 'The rules are in rules/store/rules, their specs in rules/store/spec. Try: build/shunt topology -c rules/store/shunt.yaml'
if [ "$env" = engines ]; then
  say 'To use servers of your own, name them: STORE_PG=postgresql://… STORE_MYSQL=mysql://… build/shunt … --env engines'
fi
