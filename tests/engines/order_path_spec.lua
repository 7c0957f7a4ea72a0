-- Orders by columns of other rows: "author.name". Random ones, with the rows to order and the others on one datasource and
-- on several, undivided and in parts, as a whole and for each parent. Expected is an order in Lua by the ranks that the
-- other rows' own engine gives its column.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local seed = Random.seed()
local rounds = tonumber(os.getenv "SHUNT_ORDERS") or 60

-- Where posts, authors and countries are.
local places = {}
for i, engine in ipairs(Engines.all) do
  local other = Engines.all[i % 3 + 1]
  places[#places + 1] = { engine, engine, engine }
  places[#places + 1] = { engine, other, other }
  places[#places + 1] = { other, other, engine }
end

local rules = { [[
model "blog" { table = "blogs", client = "sqlite3", relations = { ]] }
for i in ipairs(places) do
  rules[#rules + 1] = ('posts_%d = has_many("post_%d", "blog_id"), cut_%d = has_many("cut_%d", "blog_id"), '):format(i, i, i, i)
    .. ('best_%d = has_one("post_%d", "blog_id", { order = { "-author.n", "id" } }), '):format(i, i)
    .. ('spread_%d = has_many("spread_%d", "blog_id"), '):format(i, i)
    .. ('linked_%d = belongs_to_many("link", "post_%d", "blog_id", "post_id"), '):format(i, i)
end
rules[#rules + 1] = "note = has_one('note', 'blog_id') } }\nmodel 'note' { table = 'notes', client = 'sqlite3', instance_column = 'iid' }\n"
rules[#rules + 1] = "model 'link' { table = 'links', client = 'sqlite3', relations = { "
for i in ipairs(places) do rules[#rules + 1] = ('by_%d = belongs_to("author_%d", "author_id"), '):format(i, i) end
rules[#rules + 1] = "} }\n"
for i, place in ipairs(places) do
  local relations = ([[relations = { author = belongs_to("author_@", "author_id"),
  editor = belongs_to("author_@", "editor_id", { where = { n = { gt = 1 } } }), coded = belongs_to("author_@", "author_code", { key = "code" }),
  line = belongs_to("line_@", "author_id", { key = "author_id" }), first_line = has_one("line_@", "author_id", { key = "author_id" }) }]])
  rules[#rules + 1] = (([[
model "post_@" { table = "posts", client = "%s", ]] .. relations .. [[ }
model "cut_@" { client = "%s", parts = { tables = "posts_%%d", n = 3 },
  table = function(req) return ("posts_%%d"):format(req:mod("where.id", 3) or 0) end, ]] .. relations .. [[ }
model "spread_@" { table = "spread", parts = { clients = { "sqlite3", "pg", "mysql" } },
  client = function(req) return ({ [0] = "sqlite3", "pg", "mysql" })[req:mod("where.id", 3) or 0] end, ]] .. relations .. [[ }
model "author_@" { table = "authors", client = "%s", instance_column = "iid", relations = { country = belongs_to("country_@", "country_id") } }
model "country_@" { table = "countries", client = "%s" }
model "line_@" { table = "details", client = "%s", primary_key = { "author_id", "number" } }
]]):format(place[1], place[1], place[2], place[3], place[2]):gsub("@", tostring(i)))
end

local words = { "a", "A", "b", "B", "ä", "a ", "", "ab", "Ab", "z" }
local listed = { "z", "m", "a" } -- the order of the enum

local function random_data(random)
  local function maybe(value) return random:chance(20) and null or value end
  local data = { posts = {}, authors = {}, countries = {}, links = {} }
  for id = 1, 6 do data.countries[id] = { id = id, name = maybe(random:of(words)) } end
  for id = 1, 12 do
    data.authors[id] = { id = id, code = "c" .. id, name = maybe(random:of(words)), n = maybe(random:int(0, 3)), kind = maybe(random:of(listed)),
      bare = maybe(random:of(words)),
      country_id = maybe(random:int(1, 8)), iid = random:chance(15) and 2 or 1 }
  end
  for id = 1, 40 do
    data.posts[id] = { id = id, blog_id = random:int(1, 4), author_id = maybe(random:int(1, 14)), editor_id = maybe(random:int(1, 14)),
      author_code = maybe("c" .. random:int(1, 14)), n = maybe(random:int(0, 3)) }
  end
  for id = 1, 60 do data.links[id] = { id = id, blog_id = random:int(1, 4), post_id = random:int(1, 40), author_id = maybe(random:int(1, 14)) } end
  return data
end

-- A code compares by its bytes on every engine.
local bytewise = { mariadb = " COLLATE utf8mb4_nopad_bin", mysql = " COLLATE utf8mb4_0900_bin" }

local columns = {
  posts = "id INTEGER PRIMARY KEY, blog_id INTEGER, author_id INTEGER, editor_id INTEGER, author_code VARCHAR(9)@, n INTEGER",
  countries = { sqlite3 = "id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE", pg = [[id INTEGER PRIMARY KEY, name TEXT COLLATE "C"]],
    mysql = "id INTEGER PRIMARY KEY, name VARCHAR(9) COLLATE utf8mb4_general_ci" },
}
columns.details = "author_id INTEGER, number INTEGER, name VARCHAR(9), PRIMARY KEY (author_id, number)"
local authors = "id INTEGER PRIMARY KEY, code VARCHAR(9)@ UNIQUE, n INTEGER, country_id INTEGER, iid INTEGER, "
columns.authors = { sqlite3 = authors .. "name TEXT COLLATE NOCASE, kind TEXT, bare COLLATE NOCASE",
  pg = authors .. "name TEXT, kind kinds, bare TEXT",
  mysql = authors .. "name VARCHAR(9) COLLATE utf8mb4_general_ci, kind ENUM('z','m','a'), bare VARCHAR(9)" }

describe("orders by columns of other rows (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session, data
  local ranks = {} -- by engine, table and column: the rank of each id

  local function create(engine, name, like)
    local list = columns[like or name]
    local text = type(list) == "table" and list[engine] or list
    session:execute(engine, ("CREATE TABLE %s (%s)"):format(name, (text:gsub("@", engine == "mysql" and bytewise[Engines.mysql_kind()] or ""))))
  end

  local function rank(engine, name, column)
    local key = table.concat({ engine, name, column }, ".")
    if not ranks[key] then
      ranks[key] = {}
      for _, row in ipairs(session:query(engine, ("SELECT id, dense_rank() OVER (ORDER BY %s) AS r, %s AS v FROM %s"):format(column, column, name))) do
        if row.v ~= null then ranks[key][row.id] = row.r end
      end
    end
    return ranks[key]
  end

  setup(function()
    print(("order_path: SHUNT_SEED=%d, %d orders a place"):format(seed, rounds))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3",
      yaml = "instance: {instances: {'': {id: 1}}}\n", rules = table.concat(rules) }
    session = world.session
    data = random_data(Random.new(seed))
    session:execute("pg", "CREATE TYPE kinds AS ENUM ('z', 'm', 'a')")
    for _, engine in ipairs(Engines.all) do
      for _, name in ipairs { "posts", "authors", "countries", "details" } do create(engine, name) end
      for b = 0, 2 do create(engine, "posts_" .. b, "posts") end
      create(engine, "spread", "posts")
    end
    session:execute("sqlite3", "CREATE TABLE blogs (id INTEGER PRIMARY KEY)")
    session:execute("sqlite3", "INSERT INTO blogs VALUES (1), (2), (3), (4), (5)")
    session:execute("sqlite3", "CREATE TABLE links (id INTEGER PRIMARY KEY, blog_id INTEGER, post_id INTEGER, author_id INTEGER)")
    session:model("link"):insert_bulk(data.links)
    local two <close> = world.app:session()
    for i = 1, #places, 3 do
      session:model("post_" .. i):insert_bulk(data.posts)
      session:model("cut_" .. i):insert_bulk(data.posts)
      session:model("country_" .. i):insert_bulk(data.countries)
      local client = places[i][2]
      for _, row in ipairs(data.authors) do
        two:execute(client, "INSERT INTO authors (id, code, n, country_id, iid, name, kind, bare) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          { row.id, row.code, row.n, row.country_id, row.iid, row.name, row.kind, row.bare })
      end
    end
    session:model("spread_1"):insert_bulk(data.posts)
  end)
  teardown(function() world:close() end)

  -- ---- in Lua ----

  -- The author that a relation shows.
  local function author_of(post, relation)
    local id = relation == "editor" and post.editor_id or post.author_id
    for _, row in ipairs(data.authors) do
      local found = relation == "coded" and row.code == post.author_code or relation ~= "coded" and row.id == id
      if found and row.iid == 1 and (relation ~= "editor" or row.n ~= null and row.n > 1) then return row end
    end
  end

  local function value_of_link(place, link, name)
    local author = author_of({ author_id = link.author_id }, "author")
    return author and rank(place[2], "authors", name:match "[^.]+$")[author.id]
  end

  local function value_of(place, post, name)
    if name:find "^link%." then return value_of_link(place, post.link, name) end
    local relation, column = name:match "^(%w+)%.(.+)$"
    if not relation then return post[name] ~= null and post[name] or nil end
    local author = author_of(post, relation)
    if not author then return nil end
    if column == "country.name" then
      return author.country_id ~= null and rank(place[3], "countries", "name")[author.country_id] or nil
    end
    return rank(place[2], "authors", column)[author.id]
  end

  local function sorted(place, rows, order)
    local out = table.move(rows, 1, #rows, 1, {})
    local terms = {}
    for i, text in ipairs(order) do
      local name = text:gsub("^%-", ""):gsub(" nulls %w+$", "")
      terms[i] = { name = name, down = text:sub(1, 1) == "-", moved = text:find " nulls last$" and text:sub(1, 1) ~= "-"
        or text:find " nulls first$" and text:sub(1, 1) == "-" }
    end
    table.sort(out, function(a, b)
      for _, term in ipairs(terms) do
        local x, y = value_of(place, a, term.name), value_of(place, b, term.name)
        if x ~= y then
          if x == nil or y == nil then
            local first = not term.down
            if term.moved then first = not first end
            return (x == nil) == first
          end
          if term.down then return x > y end
          return x < y
        end
      end
      return a.id < b.id
    end)
    return out
  end

  local function ids(rows)
    local out = {}
    for i, row in ipairs(rows) do out[i] = row.id end
    return out
  end

  local function random_order(random, place)
    local names = { "author.name", "author.n", "editor.name", "coded.name", "author.kind", "author.bare", "n" }
    if place[2] == place[3] then names[#names + 1] = "author.country.name" end
    local order = {}
    for i = 1, random:int(1, 3) do
      local down = random:chance(50)
      order[i] = (down and "-" or "") .. random:of(names) .. (random:chance(30) and (down and " nulls first" or " nulls last") or "")
    end
    return order
  end

  local function random_query(random, place)
    local query = { order = random_order(random, place), columns = random:chance(50) and { "id" } or nil }
    if random:chance(50) then query.limit = random:int(1, 20) end
    if random:chance(30) then query.offset = random:int(0, 10) end
    if random:chance(30) then query.where = { n = random:int(0, 3) } end
    return query
  end

  local function expected(place, rows, query)
    local out = {}
    for _, row in ipairs(rows) do
      if not query.where or row.n == query.where.n then out[#out + 1] = row end
    end
    out = ids(sorted(place, out, query.order))
    local first = (query.offset or 0) + 1
    return table.move(out, first, math.min(#out, first - 1 + (query.limit or #out)), 1, {})
  end

  for i, place in ipairs(places) do
    it("are those of the other rows' engine: " .. table.concat(place, ", "), function()
      local random = Random.new(seed + i)
      for _ = 1, rounds do
        local query = random_query(random, place)
        local wanted = expected(place, data.posts, query)
        query.order[#query.order + 1] = "id"
        for _, model in ipairs { "post_", "cut_", "spread_" } do
          local ok, got = pcall(function() return session:model(model .. i):select(query) end)
          if not ok then error(("%s%d: %s\n%s"):format(model, i, tostring(got), show.source(query, null)), 0) end
          assert.same(wanted, ids(got), model .. i .. " " .. show.source(query, null))
        end
        local streamed = {}
        for row in session:model("post_" .. i):each(query) do streamed[#streamed + 1] = row.id end
        assert.same(wanted, streamed)
      end
    end)

    it("order the rows of each parent: " .. table.concat(place, ", "), function()
      local random = Random.new(seed + 100 + i)
      for _ = 1, rounds // 2 do
        local query = random_query(random, place)
        local include = { order = table.move(query.order, 1, #query.order, 1, {}), limit = query.limit, offset = query.offset, where = query.where,
          columns = query.columns }
        include.order[#include.order + 1] = "id"
        local names = { posts = "posts_" .. i, cut = "cut_" .. i, linked = "linked_" .. i, spread = "spread_" .. i }
        local links, of_links = { "link.by_" .. i .. ".name", "-link.by_" .. i .. ".n nulls first" }, {}
        for key, value in pairs(include) do of_links[key] = value end
        if random:chance(70) then table.insert(query.order, random:int(1, #query.order + 1), random:of(links)) end
        of_links.order = table.move(query.order, 1, #query.order, 1, {})
        local got = session:model("blog"):select { order = "id", include = { [names.posts] = include, [names.cut] = include,
          [names.linked] = of_links, [names.spread] = include } }
        for _, blog in ipairs(got) do
          local own, linked = {}, {}
          for _, post in ipairs(data.posts) do if post.blog_id == blog.id then own[#own + 1] = post end end
          for _, link in ipairs(data.links) do
            if link.blog_id == blog.id then linked[#linked + 1] = setmetatable({ link = link }, { __index = data.posts[link.post_id] }) end
          end
          local text = show.source(include, null)
          local wanted = expected(place, own, { order = include.order, where = include.where, limit = include.limit, offset = include.offset })
          assert.same(wanted, ids(blog[names.posts]), text)
          assert.same(wanted, ids(blog[names.cut]), "parts " .. text)
          assert.same(wanted, ids(blog[names.spread]), "spread " .. text)
          assert.same(expected(place, linked, query), ids(blog[names.linked]), "links " .. show.source(of_links, null))
        end
      end
      local best = session:model("blog"):select { order = "id", include = "best_" .. i }
      for _, blog in ipairs(best) do
        local own = {}
        for _, post in ipairs(data.posts) do if post.blog_id == blog.id then own[#own + 1] = post end end
        local first = sorted(place, own, { "-author.n" })[1]
        assert.equal(first and first.id, (blog["best_" .. i] or {}).id)
      end
    end)
  end

  describe("are refused", function()
    local function refused(message, query, model, code)
      local m = session:model(model or "post_1")
      local problem = Engines.raises(code or "SHUNT_E_USAGE", m.select, m, query)
      assert.truthy(tostring(problem):find(message, 1, true), tostring(problem))
    end

    it("where they lead nowhere", function()
      refused("neither a column 'writer.name' nor a relation 'writer'", { order = "writer.name" }, nil, "SHUNT_E_NOT_FOUND")
      refused("model 'author_1' has no column 'nme'", { order = "author.nme" }, nil, "SHUNT_E_NOT_FOUND")
      refused("model 'author_1': a column has no name", { order = "author." })
      refused("nor a relation ''", { order = ".name" }, nil, "SHUNT_E_NOT_FOUND")
    end)
    it("where they lead to several rows", function()
      refused("relation 'blog.posts_1' may lead to several rows", { order = "posts_1.n" }, "blog")
      refused("relation 'blog.best_1' may lead to several rows", { order = "best_1.n" }, "blog")
      refused("relation 'blog.linked_1' may lead to several rows", { order = "linked_1.n" }, "blog")
    end)
    it("where a part of the other model's primary key is all that they give", function()
      for i in ipairs(places) do
        refused("relation 'post_" .. i .. ".line' may lead to several rows", { order = "line.name" }, "post_" .. i)
        refused("relation 'post_" .. i .. ".first_line' may lead to several rows", { order = "first_line.name" }, "post_" .. i)
      end
    end)
    it("for distinct rows", function()
      refused("distinct rows can't be ordered by 'author.name'", { order = "author.name", distinct = true, columns = "n" })
    end)
    it("where a second step leads to another datasource", function()
      for i, place in ipairs(places) do
        if place[2] ~= place[3] then refused("only in its first step", { order = "author.country.name" }, "post_" .. i) end
      end
    end)
    it("for locked rows and another datasource", function()
      session:transaction(function()
        refused("rows that are locked", { order = "author.name", lock = "update" }, "post_5")
        assert.equal(40, #session:model("post_4"):select { order = "author.name", lock = "update" })
      end, { client = "pg" })
    end)
    it("for more keys than can be ranked", function()
      session:execute("pg", "INSERT INTO posts (id, author_id) SELECT n, n FROM generate_series(1000, 12000) AS n")
      refused("more than 10000 different keys", { order = "author.name", limit = 1 }, "post_5")
      assert.equal(1, #session:model("post_5"):select { order = "author.name", limit = 1, where = { id = { lt = 9000 } } })
      assert.equal(1, #session:model("post_4"):select { order = "author.name", limit = 1 })
      session:execute("pg", "DELETE FROM posts WHERE id >= 1000")
    end)
  end)

  it("counts a key that several places have once", function()
    local places_of = { "sqlite3", "pg" }
    local numbers = "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 6999) "
    for _, client in ipairs(places_of) do session:execute(client, numbers .. "INSERT INTO spread (id, author_id) SELECT i, i FROM n") end
    local rows = session:model("spread_1"):select { order = { "-author.name", "id" }, columns = "id" }
    for _, client in ipairs(places_of) do session:execute(client, "DELETE FROM spread WHERE id >= 1000") end
    assert.equal(12040, #rows)
  end)

  it("takes a key that is unique within the instance", function()
    session:execute("sqlite3", "CREATE TABLE notes (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, blog_id INTEGER NOT NULL, n INTEGER, UNIQUE (iid, blog_id))")
    session:execute("sqlite3", "INSERT INTO notes VALUES (1, 1, 1, 5), (2, 1, 2, 3), (3, 2, 1, 0), (4, 1, 3, 4)")
    assert.same({ 2, 3, 1, 4, 5 }, ids(session:model("blog"):select { order = { "note.n nulls last", "id" } }))
  end)

  it("lets no other row decide where no key is left", function()
    local query = { order = { "author.name", "-id" }, where = { author_id = null }, columns = "id" }
    for i, place in ipairs(places) do
      local wanted = {}
      for id = #data.posts, 1, -1 do if data.posts[id].author_id == null then wanted[#wanted + 1] = id end end
      assert.same(wanted, ids(session:model("post_" .. i):select(query)), table.concat(place, ", "))
      assert.same(wanted, ids(session:model("spread_" .. i):select(query)), table.concat(place, ", "))
    end
  end)
end)
