-- What `make` and `make deps` say on systems without apt-get about packages that are missing.

local App = require "tests.spec.support.app"

local TOOLS = "sh awk dirname"

-- The output of tests/packages.sh in a system that has this package manager and no library.
local function advice(manager, purpose)
  local folder = App.folder()
  local commands = { ("mkdir '%s/bin'"):format(folder), ("cd '%s/bin'"):format(folder) }
  for tool in TOOLS:gmatch "%S+" do commands[#commands + 1] = ("ln -s \"$(command -v %s)\" %s"):format(tool, tool) end
  if manager then commands[#commands + 1] = ("ln -s /bin/true %s"):format(manager) end
  assert(os.execute(table.concat(commands, " && ")))
  local pipe = assert(io.popen(("env -i PATH='%s/bin' sh tests/packages.sh %s 2>&1"):format(folder, purpose)))
  local text = pipe:read "a"
  local ok = pipe:close()
  App.remove(folder)
  assert.is_nil(ok)
  return text
end

describe("missing packages", function()
  it("have the names of the system", function()
    local expected = {
      dnf = "dnf install pkgconf-pkg-config lua-devel sqlite-devel libpq-devel mariadb-connector-c-devel libyaml-devel "
        .. "jansson-devel libedit-devel lua lua-argparse",
      apk = "apk add pkgconf lua5.4-dev sqlite-dev libpq-dev mariadb-connector-c-dev yaml-dev jansson-dev libedit-dev lua5.4 lua-argparse",
      pacman = "pacman -S pkgconf lua sqlite postgresql-libs mariadb-libs libyaml jansson libedit lua-argparse",
      brew = "brew install pkgconf lua sqlite libpq mariadb-connector-c libyaml jansson libedit\n  luarocks install argparse",
    }
    for manager, command in pairs(expected) do
      for _, purpose in ipairs { "build", "--check build" } do
        assert.equal("shunt needs packages that are not installed here. Install them, then run make again:\n  " .. command .. "\n",
          advice(manager, purpose))
      end
    end
  end)

  it("have Debian's names where the others are not known", function()
    assert.is_truthy(advice("apk", "coverage"):find "\n  and what Debian calls gcovr\n")
    assert.is_truthy(advice(nil, "coverage"):find "\n  what Debian calls gcovr\n")
  end)
end)
