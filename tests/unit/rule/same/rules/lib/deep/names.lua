-- A module that returns a table of closures, and another that it has run.
local list = { "zoë", "a", "B", nil, "late" }
local function of(n) return list[n % 3 + 1] end

return { list = list, of = of, ready = require "lib.deep.nothing" }
