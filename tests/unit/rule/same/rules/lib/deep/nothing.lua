-- A module that returns nothing.
local unused = { 1, 2 }
unused[3] = #unused
