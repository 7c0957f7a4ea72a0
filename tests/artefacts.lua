-- Checks the built files from outside: exported symbols, and host programs that use the installed files alone.
-- Use, in the project's folder, after make: lua5.4 tests/artefacts.lua BUILD_DIR CC
package.path = "tests/?.lua;" .. package.path
local checks = require("checks").new()
local files = require "files"
local read = files.read
local build, cc = arg[1], arg[2]
local cxx = os.getenv("CXX") or (cc:find "clang" and "clang++" or "g++")

-- The output of a command on both streams, and whether it succeeded.
local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1 </dev/null"))
  local text = pipe:read("a")
  return text, (pipe:close()) == true
end

local version = read("src/shunt.h"):match '#define SHUNT_VERSION "(.-)"'
local library = "libshunt.so." .. version

-- ---- symbols ----

-- The exported symbols with their versions: {shunt_open = "SHUNT_0.1"}.
local function exported(path)
  local symbols = {}
  for kind, name in run("nm -D --defined-only " .. path):gmatch("%x+ (%a) (%S+)") do
    local plain, of_version = name:match "^(.-)@+(.*)$"
    if kind ~= "A" then symbols[plain or name] = of_version or "" end
  end
  return symbols
end

local symbols = exported(build .. "/" .. library)
local strangers = {}
for name, of_version in pairs(symbols) do
  if not name:find("^shunt_") or not of_version:find "^SHUNT_%d" then strangers[#strangers + 1] = name .. "@" .. of_version end
end
table.sort(strangers)
checks:check(library .. " exports only shunt_*, each with a version", #strangers == 0, table.concat(strangers, "\n"))

local functions = {}
for name in read("src/shunt.h"):gmatch("\nSHUNT_API[^;(]-([%w_]+)%(") do
  functions[#functions + 1] = name
  checks:check(("%s exports %s, which shunt.h declares"):format(library, name), symbols[name])
end

local module = exported(build .. "/lua/shunt/core.so")
checks:check("core.so exports luaopen_shunt_core and nothing else",
  next(module) == "luaopen_shunt_core" and next(module, "luaopen_shunt_core") == nil)

checks:check("the library's soname is libshunt.so.0",
  run(("objdump -p %s/%s"):format(build, library)):find("SONAME%s+libshunt%.so%.0\n"))

-- ---- programs against the installed tree ----

local function absolute(path) return (run("cd " .. path .. " && pwd"):gsub("\n", "")) end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

-- The places as the Makefile has them, with other values for some.
local function places(given)
  local at = { PREFIX = given.PREFIX or "/usr/local", given = given }
  local function place(name, default) at[name] = given[name] or at.PREFIX .. default end
  place("BINDIR", "/bin")
  place("LIBDIR", "/lib")
  place("INCLUDEDIR", "/include")
  place("DATADIR", "/share")
  at.MANDIR = given.MANDIR or at.DATADIR .. "/man"
  at.DOCDIR = given.DOCDIR or at.DATADIR .. "/doc/shunt"
  at.LUADIR, at.LUACDIR = given.LUADIR, at.LIBDIR .. "/lua/5.4"
  return at
end

local function make(target, at, root)
  local words = {}
  for name, value in pairs(at.given) do words[#words + 1] = name .. "=" .. value end
  local text, ok = run(("make --no-print-directory -s %s B=%s DESTDIR=%s %s"):format(target, build, root, table.concat(words, " ")))
  checks:check(("make %s works %s"):format(target, table.concat(words, " ")), ok, text)
end

local function check_programs(at, root, folder)
  local here = absolute(root)
  local config = here .. at.DATADIR .. "/shunt/rules/store/shunt.yaml"
  local pkg = ("PKG_CONFIG_PATH=%s%s/pkgconfig PKG_CONFIG_SYSROOT_DIR=%s ${PKG_CONFIG:-pkg-config}"):format(here, at.LIBDIR, here)
  local environment = ("LD_LIBRARY_PATH=%s%s"):format(here, at.LIBDIR)

  local function check(language, compile, source)
    local text, ok = run(("%s -Wall -Wextra -Wpedantic -Werror -o %s/resolve %s $(%s --cflags --libs shunt)"):format(compile, folder,
      source, pkg))
    checks:check(("a host program in %s is built with pkg-config shunt"):format(language), ok, text)
    text = run(("%s %s/resolve %s user"):format(environment, folder, config))
    checks:check(("the host program in %s resolves an access with the installed library"):format(language), text == "user: user\n", text)
    text = run(("objdump -p %s/resolve"):format(folder))
    checks:check(("the host program in %s needs libshunt.so.0 and its symbol versions"):format(language),
      text:find "NEEDED%s+libshunt%.so%.0\n" and text:find "SHUNT_0%.1", text)
  end
  check("C", cc .. " -std=c11", "tests/hosts/resolve.c")
  check("C++", cxx .. " -std=c++11", "tests/hosts/resolve.cc")

  local text = run(pkg .. " --modversion shunt")
  checks:check("pkg-config knows the version", text == version .. "\n", text)
  text = run(pkg .. " --variable=rulesdir shunt")
  checks:check("pkg-config knows the folder of the rules", files.try_read(text:gsub("\n", "") .. "/standard/model.lua")
    or files.try_read(here .. text:gsub("\n", "") .. "/standard/model.lua"), text)

  local lua = os.getenv("LUA") or "lua5.4"
  text = run(([[LUA_PATH='%s/?.lua;%s/?/init.lua;;' LUA_CPATH='%s/?.so;;' %s -e '
    local app = require("shunt").open("%s")
    print(app:session{}:resolve("user").client)']]):format(here .. at.LUADIR, here .. at.LUADIR, here .. at.LUACDIR, lua, config))
  checks:check("a host program in Lua resolves an access with the installed module", text == "user\n", text)

  -- From the staging folder the command finds its files only in the usual place below the prefix.
  if at.LUADIR ~= at.PREFIX .. "/share/lua/5.4" then return end
  text = run(("cd / && env -u LUA_PATH -u LUA_CPATH %s%s/shunt resolve user -c %s --json"):format(here, at.BINDIR, config))
  checks:check("the installed command finds its own files", text:find('"client": ?"user"'), text)
end

-- ---- beside another Lua ----

local function check_beside(at, root, folder)
  local here = absolute(root)
  local store = ("%s%s/shunt/rules/store/shunt.yaml user"):format(here, at.DATADIR)
  local library_folder = here .. at.LIBDIR
  local function beside(name, libraries)
    local said, built = run(("%s -std=c11 -Wall -Wextra -Werror -o %s/%s tests/hosts/beside_lua51.c %s")
      :format(cc, folder, name, libraries))
    checks:check("a C host program with Lua 5.1 is built: " .. name, built, said)
    return run(("LD_LIBRARY_PATH=%s %s/%s %s"):format(library_folder, folder, name, store))
  end
  local shared = ("-L%s -lshunt -Isrc $(pkg-config --cflags lua5.1)"):format(library_folder)
  local text = beside("beside_shared", "$(pkg-config --libs lua5.1) " .. shared)
  checks:check("libshunt.so works beside liblua5.1.so", text == "user: user, in Lua 5.1\n", text)
  text = beside("beside_exported", "-rdynamic -Wl,-Bstatic -llua5.1 -Wl,-Bdynamic -ldl -lm " .. shared)
  checks:check("libshunt.so works in a program that exports Lua 5.1", text == "user: user, in Lua 5.1\n", text)
  text = beside("beside_static", ("-Isrc $(pkg-config --cflags lua5.1) %s/libshunt.a $(pkg-config --libs lua5.1 lua5.4 sqlite3 "
    .. "libpq mysqlclient yaml-0.1 jansson) -lm -pthread"):format(build))
  checks:check("libshunt.a says that another Lua answers in place of Lua 5.4",
    text:find("^SHUNT_E_CONFIG: .*liblua5%.1%.so.* answers for its functions"), text)

  text = run(("luajit tests/hosts/resolve_ffi.lua %s/libshunt.so %s"):format(library_folder, store))
  checks:check("LuaJIT loads libshunt.so as any library", text == "user: user, in Lua 5.1\n", text)
end

-- ---- manual pages and documents ----

-- troff reports what it can't set; each page has its name and its place among the sections.
local function check_pages(at, root)
  local man = root .. at.MANDIR
  for _, page in ipairs { "man1/shunt.1", "man3/shunt.3", "man5/shunt.yaml.5", "man7/shunt-rules.7" } do
    local name, section = page:match "/(.-)%.(%d)$"
    local text = files.try_read(man .. "/" .. page) or ""
    checks:check(page .. " is installed and names itself", text:find("^%.TH " .. name:upper():gsub("%p", "%%%0") .. " " .. section)
      and text:find(("\n.SH NAME\n%s \\- "):format(name:gsub("%-", "\\-")), 1, true))
    local complaints = run(("groff -k -man -Tutf8 -ww -z %s/%s"):format(man, page))
    checks:check(page .. " is clean troff", complaints == "", complaints)
  end

  local library_page = files.try_read(man .. "/man3/shunt.3") or ""
  local plain = library_page:gsub("\\&", ""):gsub("\\%-", "-"):gsub("\\e", "\\")
  for _, name in ipairs(functions) do
    checks:check("shunt(3) declares " .. name, plain:find("%f[%w_]" .. name .. "%("))
    checks:check(("man %s finds shunt(3)"):format(name), files.try_read(("%s/man3/%s.3"):format(man, name)) == ".so man3/shunt.3\n")
  end
  checks:check("shunt(3) has the members and enumerators that macros make",
    plain:find("\n  SHUNT_E_CONFIG,\n", 1, true) and plain:find("\n  const char *explicit_client; /*", 1, true)
    and not plain:find "_MAP%(SHUNT")
  -- Each comment of the header that stands before a declaration is in the page: compared by its first words.
  for comment in read("src/shunt.h"):gmatch "\n/%* ([^\n]-)\n" do
    local words = comment:match "^(.-)%s*%*?/?$"
    if not words:find "^%-%-%-%-" then checks:check("shunt(3) has the comment: " .. words, plain:find(words, 1, true)) end
  end

  local rules_page = files.try_read(man .. "/man7/shunt-rules.7") or ""
  local headings = 0
  for _, chapter in ipairs { "rules", "sandbox" } do
    headings = headings + count(read(("rules/manual/%s.md"):format(chapter)):gsub("```.-\n```", ""), "\n##+ ")
  end
  checks:check("shunt-rules(7) has every section of the manual's chapters, and three of its own",
    count(rules_page, "\n%.S[HS] ") == headings + 3)
  checks:check("shunt-rules(7) has no Markdown left", not rules_page:find "%]%(" and not rules_page:find "\n|" and not rules_page:find "`")
end

local function check_documents(at, root)
  for _, name in ipairs { "README.md", "CHANGELOG.md", "LICENSE" } do
    checks:check(name .. " is installed", files.try_read(("%s%s/%s"):format(root, at.DOCDIR, name)) == read(name))
  end
  for path in run "ls rules/README.md rules/manual/*.md":gmatch "%S+" do
    checks:check(path .. " is installed", files.try_read(("%s%s/shunt/%s"):format(root, at.DATADIR, path)) == read(path))
  end
  for _, name in ipairs { "bash-completion/completions/shunt", "zsh/site-functions/_shunt", "fish/vendor_completions.d/shunt.fish" } do
    checks:check("the completion is installed: " .. name,
      (files.try_read(("%s%s/%s"):format(root, at.DATADIR, name)) or ""):find("complete", 1, true))
  end
end

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

-- With the usual places, and with a place of its own for everything, as packages of distributions choose them. The command
-- knows LUADIR: with another one, it would be built anew, while other tests run it.
local folder = run("mktemp -d"):gsub("\n", "")
local luadir = read(build .. "/luadir"):gsub("\n", "")
local prefix = luadir:match "^(.*)/share/lua/5%.4$" or "/usr/local"
local usual = places { PREFIX = prefix, LUADIR = luadir }
local odd = places { PREFIX = "/opt/shunt", BINDIR = "/opt/tools", LIBDIR = "/opt/shunt/lib64/host", INCLUDEDIR = "/opt/headers",
  DATADIR = "/opt/shunt/data", MANDIR = "/opt/pages", DOCDIR = "/opt/papers", LUADIR = luadir }
for i, at in ipairs { usual, odd } do
  local root = ("%s/root%d"):format(folder, i)
  make("install", at, root)
  check_programs(at, root, folder)
  if i == 1 then check_beside(at, root, folder) end
  if i == 2 then
    check_pages(at, root)
    check_documents(at, root)
  end
  make("uninstall", at, root)
  local left = run("find " .. root .. " -type f -o -type l")
  checks:check("make uninstall leaves no file behind", left == "", left)
end
run("rm -rf " .. folder)

checks:finish()
