-- The Lua module and the command as a rock, built in a checkout: luarocks make src/pack/shunt-dev-1.rockspec
-- The C libraries come from the system: the Makefile says which are missing.
rockspec_format = "3.0"
package = "shunt"
version = "dev-1"
source = { url = "file://." }
description = {
  summary = "Datasource routing for models and relations, by rules written in Lua",
  detailed = "For each access to a model or a relation, rules decide which datasource, table and connection-pool level it goes to. "
    .. "shunt carries it out on SQLite, PostgreSQL, MySQL or MariaDB.",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4", "argparse >= 0.7" }
build = {
  type = "make",
  variables = { B = "build/rock", CFLAGS = "$(CFLAGS)", LUA = "$(LUA)", BINDIR = "$(BINDIR)", LUADIR = "$(LUADIR)", LUACDIR = "$(LIBDIR)" },
  build_target = "module",
  install_target = "install-module",
}
