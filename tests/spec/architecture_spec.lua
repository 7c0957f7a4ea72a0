-- The names in src/README.md exist, and the calls in the line "Use:" of a header have the arguments of the function.

local read = require("tests.files").try_read

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

describe("the opening comment of a header", function()
  local function count_arguments(list)
    if list:find "^%s*$" or list:find "^%s*void%s*$" then return 0 end
    local n, depth = 1, 0
    for c in list:gmatch "[(){},]" do
      if c == "(" or c == "{" then
        depth = depth + 1
      elseif c ~= "," then
        depth = depth - 1
      elseif depth == 0 then
        n = n + 1
      end
    end
    return n
  end

  local headers, counts = {}, {} -- counts: by function, the numbers of arguments with which it occurs
  setup(function()
    local pipe = assert(io.popen "find src -name '*.[ch]' | LC_ALL=C sort")
    for path in pipe:lines() do
      local source = read(path)
      if path:find "%.h$" then headers[path] = source:match "^/%*.-[%s%*]Use: (.-)%*/" end
      for name, list in source:gsub("/%*.-%*/", " "):gmatch "([%a_][%w_]*)(%b())" do
        counts[name] = counts[name] or {}
        counts[name][list:find("...", 1, true) and "any" or count_arguments(list:sub(2, -2))] = true
      end
    end
    pipe:close()
  end)

  it("shows calls of functions that exist, with their number of arguments", function()
    local wrong = {}
    for path, use in pairs(headers) do
      for name, list in use:gsub("\n%s*%*", " "):gmatch "([%a_][%w_]*)(%b())" do
        local known = counts[name]
        local fits = known and (list:find "…" or known.any or known[count_arguments(list:sub(2, -2))])
        if not fits then wrong[#wrong + 1] = path .. ": " .. name .. list end
      end
    end
    assert.same({}, wrong)
  end)
end)

describe("a function", function()
  it("takes at most six parameters", function()
    local wrong = {}
    local pipe = assert(io.popen "find src -name '*.[ch]' | LC_ALL=C sort")
    for path in pipe:lines() do
      local source = "\n" .. read(path):gsub("/%*.-%*/", " ")
      for name, list in source:gmatch "\n%a[%w_ %*]-([%w_]+)(%b())%s*[;{]" do
        local n = select(2, list:sub(2, -2):gsub("%b()", ""):gsub(",", "")) + 1
        if n > 6 then wrong[#wrong + 1] = ("%s: %s takes %d parameters"):format(path, name, n) end
      end
    end
    pipe:close()
    assert.same({}, wrong)
  end)
end)
