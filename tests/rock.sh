#!/bin/sh
# For: the rock that `make rock` builds: the module and the command work from the tree alone.
# Use, in the project's folder: sh tests/rock.sh TREE
set -eu

tree=$(cd "$1" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

unset LUA_PATH LUA_CPATH SHUNT_ENV
"$tree/bin/shunt" init app >/dev/null
"$tree/bin/shunt" query user --include orders -c app/shunt.yaml >rows
grep -q orders rows

eval "$(luarocks --lua-version 5.4 --tree "$tree" path)"
"${LUA:-lua5.4}" - "$tree" <<'EOF'
local shunt = require "shunt"
local path = package.searchpath("shunt", package.path)
assert(path:sub(1, #arg[1]) == arg[1], path)
local app <close> = shunt.open "app/shunt.yaml"
local session <close> = app:session {}
assert(#session:model("user"):select {} > 0)
EOF
echo 'rock: the module and the command work'
