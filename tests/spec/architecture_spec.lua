-- The names in src/README.md and in the opening comments of headers exist.

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function defines(text, name)
  return ("\n" .. text):find("\n[%a][^\n;{}]-[%s%*]" .. name .. "%(") ~= nil
end

describe("the architecture", function()
  local text = read "src/README.md"

  it("names functions that their files define", function()
    local missing, n = {}, 0
    for path, name in text:gmatch "`([%w_/]+%.c):([%w_]+)`" do
      n = n + 1
      local source = read("src/" .. path)
      if not source then
        missing[#missing + 1] = path
      elseif not defines(source, name) then
        missing[#missing + 1] = path .. ":" .. name
      end
    end
    assert.same({}, missing)
    assert(n > 20)
  end)

  it("names files and folders that exist", function()
    local missing = {}
    for path in text:gmatch "`([%w_%-/%.]+)`" do
      local looks_like_path = path:find "%.[chm]d?$" or path:find "%.lua$" or path:find "/$"
      if looks_like_path and not path:find "NAME" and not path:find "%.yaml$" and path ~= "shunt.h" then
        if not io.open("src/" .. path) and not io.open(path) then missing[#missing + 1] = path end
      end
    end
    assert.same({}, missing)
  end)

  it("has a row for every folder", function()
    local pipe = assert(io.popen "ls -d src/*/")
    for folder in pipe:lines() do
      local name = folder:match "src/(.*)"
      assert(text:find("| `" .. name .. "` |", 1, true), name)
    end
    pipe:close()
  end)
end)
