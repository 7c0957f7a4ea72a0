-- SECURITY.md names a test for each of its claims, and has a claim for each part that is not trusted with everything.

local files = require "tests.files"

local page = files.read "SECURITY.md"

-- The cells of the table's rows under a heading, without its first two lines.
local function rows_of(heading, pattern)
  local section = assert(page:match("\n## " .. heading .. "\n(.-)\n## "), "no heading " .. heading)
  local rows, number = {}, 0
  for line in section:gmatch "[^\n]+" do
    if line:find "^|" then
      number = number + 1
      if number > 2 then rows[#rows + 1] = { line, line:match(pattern) } end
    end
  end
  assert(#rows > 0, "no rows under " .. heading)
  return rows
end

local parts = rows_of("Who is trusted with what", "^| ([%a%- ]+): .- | (.-) |")
local claims = rows_of("Claims, and the tests that stand for them", "^| ([%a%- ]+) | .+ | `([^`]+)`: `([^`]+)` |$")

describe("SECURITY.md", function()
  it("names a test that exists for each claim", function()
    for _, claim in ipairs(claims) do
      local line, path, test = claim[1], claim[3], claim[4]
      assert(path, "not a claim and its test: " .. line)
      local text = assert(files.try_read(path), line)
      local found = path:find "%.c$" and text:find("static void " .. test .. "(void **", 1, true)
        or text:find(('("%s"'):format(test), 1, true)
      assert(found, ("%s has no test '%s'"):format(path, test))
    end
  end)

  it("makes claims about each part that is not trusted with everything, and about no other part", function()
    local known, claimed = {}, {}
    for _, part in ipairs(parts) do known[assert(part[2], part[1])] = part[3] end
    for _, claim in ipairs(claims) do
      assert(known[claim[2]], "no such part: " .. claim[1])
      claimed[claim[2]] = true
    end
    for part, trust in pairs(known) do assert(trust == "full" or claimed[part], "no claim about " .. part) end
  end)
end)
