-- What modules keep.
local fold = require "lib.fold"
local M = {}

local names = require "lib.deep.names"

function M.shared(x, n)
  return x .. names.of(n) .. fold.try(function() names.list[1] = x end) .. fold.try(function() M.last = x end) .. fold.try(table.insert, names.list, x)
end

function M.required_late(x, n)
  return x .. fold.try(require, "lib.deep.names" .. n) .. fold.try(require, x) .. fold.try(require)
end

-- A module that is required while a rule is asked.
function M.counted(x)
  local counter = require "lib.deep.counter"
  counter.n = counter.n + 1
  return x .. counter.n .. counter.next()
end

-- The module is a folder, and can't be read.
local _, unreadable = pcall(require, "lib.deep.unreadable")

function M.unreadable(x)
  return x .. fold.show(unreadable):gsub("/.*/", "/")
end

return M
