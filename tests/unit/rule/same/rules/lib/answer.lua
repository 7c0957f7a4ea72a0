-- What rules answer, computed from a text.
local fold = require "lib.fold"
local M = {}

local clients = { "c0", "c1", "c2", "c3" }

function M.yes(x, n)
  return fold.hash(x) % (n + 1) > 0
end

function M.name(x)
  return ("t_%08x"):format(fold.hash(x))
end

function M.table(x)
  if fold.hash(x) % 5 == 0 then return { schema = "s", name = M.name(x) } end
  return M.name(x)
end

local function picked(x, n)
  if n % 3 == 0 then return pick { clients[n % 4 + 1] } end
  return pick { "c0", "c1", "c2", policy = "hash", key = x }
end

function M.client(x, n)
  local h = fold.hash(x)
  local choice = h % 16
  if choice < 8 then return nil end
  if choice < 12 then return clients[h // 16 % #clients + 1] end
  if choice == 12 then return deny(fold.short(x)) end
  if choice == 13 then return picked(x, n) end
  if choice == 14 then return { client = clients[n % #clients + 1], table = M.table(x) } end
  return h % 5 == 0 and error(fold.short(x), n % 3) or "nowhere" .. h % 3
end

function M.refined(x, n)
  local h = fold.hash(x)
  local answer = { table = M.table(x), level = h % 7 == 0 and h % 3 or nil }
  if h % 11 == 0 then answer.client = picked(x, n) end
  if h % 97 == 0 then answer.tabel = x end
  return answer
end

function M.checked(x, n)
  local h = fold.hash(x)
  if h % 41 == n % 41 then error { x } end
  if h % 4 == 0 then return deny(fold.short(x)) end
end

return M
