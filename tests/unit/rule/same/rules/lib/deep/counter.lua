-- A module that could count the calls.
local n = 0
return { n = 0, next = function() n = n + 1 return n end }
