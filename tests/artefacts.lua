-- Checks the built files from outside: exported symbols, and host programs that use the installed files.
-- Use, in the project's folder, after make: lua5.4 tests/artefacts.lua BUILD_DIR CC
package.path = "tests/?.lua;" .. package.path
local checks = require("checks").new()
local read = require("files").read
local build, cc = arg[1], arg[2]

-- The output of a command on both streams, and whether it succeeded.
local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1 </dev/null"))
  local text = pipe:read("a")
  return text, (pipe:close()) == true
end

local function exported(path)
  local symbols = {}
  for kind, name in run("nm -D --defined-only " .. path):gmatch("%x+ (%a) (%S+)") do symbols[name] = kind end
  return symbols
end

-- ---- symbols ----

local library = exported(build .. "/libshunt.so.0")
local strangers = {}
for name in pairs(library) do
  if not name:find("^shunt_") then strangers[#strangers + 1] = name end
end
table.sort(strangers)
checks:check("libshunt.so.0 exports only shunt_*", #strangers == 0, table.concat(strangers, "\n"))

for name in read("src/shunt.h"):gmatch("\nSHUNT_API[^;(]-([%w_]+)%(") do
  checks:check("libshunt.so.0 exports " .. name .. ", which shunt.h declares", library[name])
end

local module = exported(build .. "/lua/shunt/core.so")
checks:check("core.so exports luaopen_shunt_core and nothing else",
  next(module) == "luaopen_shunt_core" and next(module, "luaopen_shunt_core") == nil)

checks:check("the library's soname is libshunt.so.0",
  run("objdump -p " .. build .. "/libshunt.so.0"):find("SONAME%s+libshunt%.so%.0\n"))

-- ---- installing ----

local root = build .. "/installed"
local prefix = "/usr/local"
local function make(target)
  local text, ok = run(("make --no-print-directory -s %s B=%s PREFIX=%s DESTDIR=%s"):format(target, build, prefix, root))
  checks:check("make " .. target .. " works", ok, text)
end
local function files()
  return (run("find " .. root .. " -type f -o -type l"))
end

run("rm -rf " .. root)
make("install")
local here = run("cd " .. root .. " && pwd"):gsub("\n", "")
local function host(command)
  return run(("cd %s && %s"):format(here, command))
end
local pkg = ("PKG_CONFIG_PATH=%s%s/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=%s"):format(here, prefix, here)

local text, ok = run(("%s -std=c11 -Wall -Wextra -Werror -o %s/resolve tests/hosts/resolve.c $(%s pkg-config --cflags --libs shunt)")
  :format(cc, here, pkg))
checks:check("a C host program is built with pkg-config shunt", ok, text)
text = host(("LD_LIBRARY_PATH=.%s/lib ./resolve .%s/share/shunt/rules/store/shunt.yaml user"):format(prefix, prefix))
checks:check("the C host program resolves an access with the installed library", text == "user: user\n", text)

-- ---- beside another Lua ----

local store = ("%s/share/shunt/rules/store/shunt.yaml user"):format(prefix)
local function beside(name, libraries)
  local said, built = run(("%s -std=c11 -Wall -Wextra -Werror -o %s/%s tests/hosts/beside_lua51.c %s")
    :format(cc, here, name, libraries))
  checks:check("a C host program with Lua 5.1 is built: " .. name, built, said)
  return host(("LD_LIBRARY_PATH=.%s/lib ./%s .%s"):format(prefix, name, store))
end
local shared = ("-L%s%s/lib -lshunt -Isrc $(pkg-config --cflags lua5.1)"):format(here, prefix)
text = beside("beside_shared", "$(pkg-config --libs lua5.1) " .. shared)
checks:check("libshunt.so works beside liblua5.1.so", text == "user: user, in Lua 5.1\n", text)
text = beside("beside_exported", "-rdynamic -Wl,-Bstatic -llua5.1 -Wl,-Bdynamic -ldl -lm " .. shared)
checks:check("libshunt.so works in a program that exports Lua 5.1", text == "user: user, in Lua 5.1\n", text)
text = beside("beside_static", ("-Isrc $(pkg-config --cflags lua5.1) %s/libshunt.a $(pkg-config --libs lua5.1 lua5.4 sqlite3 "
  .. "libpq mysqlclient yaml-0.1 jansson) -lm -pthread"):format(build))
checks:check("libshunt.a says that another Lua answers in place of Lua 5.4",
  text:find("^SHUNT_E_CONFIG: .*liblua5%.1%.so.* answers for its functions"), text)

text = run(("luajit tests/hosts/resolve_ffi.lua %s%s/lib/libshunt.so %s%s"):format(here, prefix, here, store))
checks:check("LuaJIT loads libshunt.so as any library", text == "user: user, in Lua 5.1\n", text)

local lua_env = ("LUA_PATH='.%s/share/lua/5.4/?.lua;.%s/share/lua/5.4/?/init.lua;;' LUA_CPATH='.%s/lib/lua/5.4/?.so;;'")
  :format(prefix, prefix, prefix)
text = host(([[%s %s -e 'local app = require("shunt").open(".%s/share/shunt/rules/store/shunt.yaml")
  print(app:session{}:resolve("user").client)']]):format(lua_env, os.getenv("LUA") or "lua5.4", prefix))
checks:check("a Lua host program resolves an access with the installed module", text == "user\n", text)

text = host(("env -u LUA_PATH -u LUA_CPATH .%s/bin/shunt resolve user -c .%s/share/shunt/rules/store/shunt.yaml --json")
  :format(prefix, prefix))
checks:check("the installed command finds its own files", text:find('"client": ?"user"'), text)

local share = root .. prefix .. "/share/"
checks:check("the manual page is installed", read(share .. "man/man1/shunt.1"):find("^%.TH SHUNT 1"))
checks:check("the manual page of the app config is installed",
  read(share .. "man/man5/shunt.yaml.5"):find("^%.TH SHUNT%.YAML 5"))
for _, name in ipairs { "bash-completion/completions/shunt", "zsh/site-functions/_shunt", "fish/vendor_completions.d/shunt.fish" } do
  checks:check("the completion is installed: " .. name, read(share .. name):find("complete", 1, true))
end

make("uninstall")
run(("cd %s && rm resolve beside_shared beside_exported beside_static"):format(root))
checks:check("make uninstall leaves no file behind", files() == "", files())
run("rm -rf " .. root)

checks:finish()
