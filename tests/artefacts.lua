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

-- ---- probes ----

local notes, wanted = run("readelf -n " .. build .. "/libshunt.so.0"), {}
local _, has_header = run(("echo '#include <sys/sdt.h>' | %s -E -"):format(cc))
for name in read("rules/manual/metrics.md"):match("\n## Probes\n(.*)$"):gmatch("\n| `([%w_]+)` |") do
  wanted[#wanted + 1] = name
  checks:check(("the library has the probe %s if there is a <sys/sdt.h>, and none otherwise"):format(name),
    (notes:find("Name: " .. name .. "\n", 1, true) ~= nil) == has_header, notes)
end
checks:check("the manual lists the probes", #wanted > 3)
for name in notes:gmatch("Provider: shunt\n%s*Name: ([%w_]+)") do
  checks:check(("the manual has the probe %s"):format(name), table.concat(wanted, " "):find(name, 1, true))
end

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
run("rm " .. root .. "/resolve")
checks:check("make uninstall leaves no file behind", files() == "", files())
run("rm -rf " .. root)

checks:finish()
