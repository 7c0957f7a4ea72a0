-- A public database: each row, each relation and each view is what the engine's own client prints of it, also where the two
-- ends of a relation lie on different engines.

local shunt = require "shunt"
local Sakila = require "tests.engines.support.sakila"
local show = require "tests.spec.support.show"

-- Rows as a sorted list of texts, for their order means nothing.
local function sorted(rows)
  local lines = {}
  for i, row in ipairs(rows) do
    local fields = {}
    for k, field in ipairs(row) do fields[k] = field == shunt.null and "\1" or field end
    lines[i] = table.concat(fields, "|")
  end
  table.sort(lines)
  return lines
end

local function same(expected, actual)
  local different = show.difference(sorted(expected), sorted(actual), shunt.null)
  assert(not different, different)
end

describe("the film rental shop", function()
  local why = Sakila.missing()
  if why then
    pending(why)
    return
  end

  local shop, session

  setup(function()
    shop = Sakila.open()
    session = shop.session
  end)

  teardown(function()
    if shop then shop:close() end
  end)

  for _, client in ipairs(Sakila.engines) do
    local function model(name) return session:model(Sakila.model_name(client, name)) end

    for _, list in ipairs { Sakila.tables, Sakila.views } do
      for _, name in ipairs(list) do
        it(("reads %s on %s"):format(name, client), function()
          local columns = shop:columns(client, name)
          local expected = shop:raw(client, ("SELECT %s FROM %s AS t"):format(Sakila.printed(client, columns, "t"), name))
          local actual = {}
          for i, row in ipairs(model(name):select()) do actual[i] = Sakila.text_of(client, columns, row) end
          assert(#expected > 0 and #columns > 1)
          same(expected, actual)
        end)
      end
    end

    -- The children of each parent, as pairs of the parent's key and the child.
    local function includes(name, key, relation, child, client_of_child)
      local columns = shop:columns(client_of_child, child)
      local pairs_of = {}
      for _, row in ipairs(model(name):select { include = { relation } }) do
        local children = row[relation] or {}
        if children ~= shunt.null then
          for _, one in ipairs(#children > 0 and children or next(children) and { children } or {}) do
            local text = Sakila.text_of(client_of_child, columns, one)
            table.insert(text, 1, tostring(row[key]))
            pairs_of[#pairs_of + 1] = text
          end
        end
      end
      return pairs_of, columns
    end

    -- The two copies have the same keys, so a join on the child's engine is right for either.
    for _, place in ipairs(Sakila.engines) do
      for _, r in ipairs(Sakila.references) do
        local child, column, parent, key = r[1], r[2], r[3], r[4] or r[3] .. "_id"

        it(("includes %s on %s of %s on %s by %s"):format(child, place, parent, client, column), function()
          local actual, columns = includes(parent, key, ("of_%s_%s_by_%s"):format(place, child, column), child, place)
          assert(#actual > 0 or column == "original_language_id") -- which no film has
          same(shop:raw(place, ("SELECT p.%s, %s FROM %s AS p JOIN %s AS c ON c.%s = p.%s"):format(key,
            Sakila.printed(place, columns, "c"), parent, child, column, key)), actual)
        end)

        if not child:find "_" then
          it(("includes %s on %s of %s on %s by %s"):format(parent, place, child, client, column), function()
            local own = child .. "_id"
            local actual, columns = includes(child, own, ("to_%s_by_%s"):format(place, column), parent, place)
            same(shop:raw(place, ("SELECT c.%s, %s FROM %s AS c JOIN %s AS p ON c.%s = p.%s"):format(own,
              Sakila.printed(place, columns, "p"), child, parent, column, key)), actual)
          end)
        end
      end

      for _, m in ipairs(Sakila.many) do
        it(("includes %s on %s of %s on %s through %s"):format(m[2], place, m[1], client, m[3]), function()
          local key, target = m[1] .. "_id", m[2] .. "_id"
          local actual, columns = includes(m[1], key, ("many_%s_%s"):format(place, m[2]), m[2], place)
          same(shop:raw(place, ("SELECT l.%s, %s FROM %s AS l JOIN %s AS t ON t.%s = l.%s"):format(key,
            Sakila.printed(place, columns, "t"), m[3], m[2], target, target)), actual)
        end)
      end
    end
  end
end)
