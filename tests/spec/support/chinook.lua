--- A real database, a music shop, divided over three datasources (music, people, sales), which may be of any engine, and in
--- one piece on a SQLite client "whole": every include has to give exactly what the equivalent join gives there.
--- Tables and columns are called what each engine's own script of the shop calls them: invoice_id where another has InvoiceId.
--- Use: local shop = Chinook.new { music = "sqlite3", people = "pg", sales = "mysql" }; open an application with the four
--- clients and shop:rules(); shop:load(app); for each of shop:cases(): case.run()

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Oracle = require "tests.spec.support.oracle"
local Script = require "tests.spec.support.sql_script"
local Tree = require "tests.spec.support.tree"
local show = require "tests.spec.support.show"

local M = {}

local sqlite_script = os.getenv "SHUNT_CHINOOK" or "../shared/data/chinook/Chinook_Sqlite.sql"
local script_names = { sqlite3 = "Chinook_Sqlite.sql", pg = "Chinook_PostgreSql.sql", mysql = "Chinook_MySql.sql" }

local home = {
  Artist = "music", Album = "music", Track = "music", Genre = "music", MediaType = "music", Playlist = "music", PlaylistTrack = "music",
  Customer = "people", Employee = "people", Invoice = "sales", InvoiceLine = "sales",
}

-- model, table, and its relations: name, kind, target, foreign key (through, through key, order)
local declared = {
  { "artist", "Artist", { { "albums", "has_many", "album", "ArtistId" } } },
  { "album", "Album", { { "artist", "belongs_to", "artist", "ArtistId" }, { "tracks", "has_many", "track", "AlbumId" } } },
  { "genre", "Genre", { { "tracks", "has_many", "track", "GenreId" } } },
  { "media_type", "MediaType", { { "tracks", "has_many", "track", "MediaTypeId" } } },
  { "track", "Track", {
    { "album", "belongs_to", "album", "AlbumId" }, { "genre", "belongs_to", "genre", "GenreId" },
    { "media_type", "belongs_to", "media_type", "MediaTypeId" }, { "sales", "has_many", "invoice_line", "TrackId" },
    { "entries", "has_many", "playlist_track", "TrackId" },
    { "playlists", "belongs_to_many", "playlist", "TrackId", "playlist_track", "PlaylistId" },
  } },
  { "playlist", "Playlist", {
    { "entries", "has_many", "playlist_track", "PlaylistId" },
    { "tracks", "belongs_to_many", "track", "PlaylistId", "playlist_track", "TrackId" },
  } },
  { "playlist_track", "PlaylistTrack", {
    { "playlist", "belongs_to", "playlist", "PlaylistId" }, { "track", "belongs_to", "track", "TrackId" },
  } },
  { "customer", "Customer", {
    { "support_rep", "belongs_to", "employee", "SupportRepId" }, { "invoices", "has_many", "invoice", "CustomerId" },
  } },
  { "employee", "Employee", {
    { "manager", "belongs_to", "employee", "ReportsTo" }, { "reports", "has_many", "employee", "ReportsTo" },
    { "first_report", "has_one", "employee", "ReportsTo", nil, nil, "EmployeeId" },
    { "customers", "has_many", "customer", "SupportRepId" },
  } },
  { "invoice", "Invoice", {
    { "customer", "belongs_to", "customer", "CustomerId" }, { "lines", "has_many", "invoice_line", "InvoiceId" },
    { "tracks", "belongs_to_many", "track", "InvoiceId", "invoice_line", "TrackId" },
  } },
  { "invoice_line", "InvoiceLine", {
    { "invoice", "belongs_to", "invoice", "InvoiceId" }, { "track", "belongs_to", "track", "TrackId" },
  } },
}

local chains = {
  { "artist", { "albums.tracks.playlists" } },
  { "artist", { "albums.tracks.sales.invoice", "albums.tracks.genre" } },
  { "genre", { "tracks.album.artist", "tracks.sales" } },
  { "customer", { "support_rep.manager.reports", "invoices.lines.track" } },
  { "customer", { "invoices.tracks.genre" } },
  { "employee", { "customers.invoices.lines", "manager.manager" } },
  { "employee", { "reports.reports.customers.invoices" } },
  { "invoice", { "customer.support_rep.manager.manager", "lines.track.album.artist" } },
  { "playlist", { "tracks.album.artist", "tracks.media_type" } },
  { "playlist_track", { "track.album.artist", "playlist" } },
  { "invoice_line", { "track.playlists", "invoice.customer.support_rep" } },
  { "media_type", { "tracks.sales.invoice.customer" } },
}

local narrowed = {
  { "artist", { "albums.tracks" }, { [""] = { where = { Name = { like = "A%" } }, order = { "Name" } },
    albums = { order = { "-Title" }, limit = 2 }, tracks = { columns = { "Name" }, where = { Milliseconds = { gt = 240000 } }, order = { "Name" } } } },
  { "customer", { "invoices.lines" }, { [""] = { where = { Country = { "Norway", "Brazil", "Canada" } }, order = { "LastName", "FirstName" } },
    invoices = { order = { "-Total", "InvoiceDate" }, limit = 3, offset = 1 }, lines = { order = { "UnitPrice", "-TrackId" }, limit = 2 } } },
  { "playlist", { "tracks.album" }, { [""] = { order = { "PlaylistId" } }, tracks = { order = { "-Milliseconds" }, limit = 5, offset = 2 } } },
  { "invoice", { "tracks" }, { [""] = { where = { Total = { gte = 10 } } }, tracks = { order = { "Name" }, limit = 4 } } },
  { "employee", { "reports.reports" }, { [""] = { where = { ReportsTo = shunt.null } }, reports = { order = { "LastName" } } } },
  { "track", { "sales" }, { [""] = { where = { Composer = shunt.null, GenreId = { lt = 4 } }, columns = { "Name" } },
    sales = { limit = 1, order = { "-InvoiceLineId" } } } },
}

local decimals = { UnitPrice = true, unit_price = true, Total = true, total = true }

-- ---- the scripts ----

local function script_path(engine)
  if engine == "sqlite3" then return sqlite_script end
  return (sqlite_script:match "^(.*/)" or "") .. script_names[engine]
end

local function script_of(engine)
  local file = io.open(script_path(engine), "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- Why the shop can't be tried with these engines, or nil.
---@param engines table<string, string>
---@return string?
function M.missing(engines)
  for _, engine in pairs(engines) do
    if not script_of(engine) then
      return ("is not tried: there is no %s (SHUNT_CHINOOK names another place of %s)"):format(script_path(engine), script_names.sqlite3)
    end
  end
  return nil
end

-- What an engine's script calls a table or a column.
local function spelled(engine, name)
  if engine ~= "pg" then return name end
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

local tables_by_name = {}
for name in pairs(home) do
  tables_by_name[name] = name
  tables_by_name[spelled("pg", name)] = name
end

-- The table that a statement makes, alters or fills, and the one that it refers to; nil where it does neither.
local function tables_of(statement)
  local name = statement:match "^CREATE TABLE [%[`]?([%w_]+)" or statement:match "^INSERT INTO [%[`]?([%w_]+)"
    or statement:match "^ALTER TABLE [%[`]?([%w_]+)" or statement:match "^CREATE .*INDEX .* ON [%[`]?([%w_]+)"
  local referred = statement:match "^ALTER TABLE .* REFERENCES [%[`]?([%w_]+)"
  return tables_by_name[name], tables_by_name[referred]
end

-- Without the references to tables that are on another datasource, and with texts that compare as the database's do. The
-- scripts were made for one engine and translated: PostgreSQL takes the blanks off the end of N'…', and to MySQL a
-- backslash says how the next letter is meant.
local function divided(statement, client, engine)
  if engine == "sqlite3" then
    statement = statement:gsub(",%s*FOREIGN KEY %(%[%w+%]%) REFERENCES %[(%w+)%] %(%[%w+%]%)%s*ON DELETE NO ACTION ON UPDATE NO ACTION",
      function(target) return home[target] ~= client and "" or nil end)
  elseif engine == "pg" then
    statement = statement:gsub("([,(] ?)N'", "%1'")
  else
    statement = statement:gsub(" NVARCHAR%(", " VARCHAR("):gsub("\\", "\\\\")
  end
  return statement
end

local function load_datasource(session, client, engine)
  for _, statement in ipairs(Script.split(script_of(engine))) do
    local name, referred = tables_of(statement)
    if name and home[name] == client and (not referred or home[referred] == client) then
      session:execute(client, divided(statement, client, engine))
    end
  end
end

local function load_whole(session)
  for _, statement in ipairs(Script.split(script_of "sqlite3")) do
    if tables_of(statement) then session:execute("whole", statement) end
  end
end

-- ---- the shop ----

---@class Chinook
local Chinook = {}
Chinook.__index = Chinook

--- The shop with its datasources music, people and sales on these engines.
---@param engines table<string, string>
---@return Chinook
function M.new(engines)
  local self = setmetatable({ engines = engines, models = {}, relations = {} }, Chinook)
  for _, d in ipairs(declared) do
    local engine = engines[home[d[2]]]
    local key = spelled(engine, d[2] == "PlaylistTrack" and "TrackId" or d[2] .. "Id")
    self.models[d[1]] = { name = d[1], table = d[2], engine = engine, primary_key = key, columns = {} }
  end
  for _, d in ipairs(declared) do
    for _, r in ipairs(d[3]) do
      local holder = r[2] == "belongs_to" and d[1] or r[2] == "belongs_to_many" and r[5] or r[3]
      local engine = self.models[holder].engine
      self.relations[d[1] .. "." .. r[1]] = {
        name = r[1], kind = r[2], source = d[1], target = r[3], foreign_key = spelled(engine, r[4]), through = r[5],
        through_key = r[6] and spelled(engine, r[6]), options = { order = r[7] and { spelled(self.models[r[3]].engine, r[7]) } },
      }
    end
  end
  return self
end

--- The rule file.
---@return string
function Chinook:rules()
  local out = {}
  for _, d in ipairs(declared) do
    local relations, model = {}, self.models[d[1]]
    for i, r in ipairs(d[3]) do
      local relation = self.relations[d[1] .. "." .. r[1]]
      local order = relation.options.order and (", { order = %q }"):format(relation.options.order[1]) or ""
      relations[i] = relation.through
          and ("%s = belongs_to_many(%q, %q, %q, %q)"):format(r[1], relation.through, relation.target, relation.foreign_key, relation.through_key)
        or ("%s = %s(%q, %q%s)"):format(r[1], r[2], relation.target, relation.foreign_key, order)
    end
    out[#out + 1] = ("model %q { table = %q, primary_key = %q, client = %q, relations = { %s } }"):format(d[1],
      spelled(model.engine, model.table), model.primary_key, home[model.table], table.concat(relations, ", "))
  end
  return table.concat(out, "\n")
end

-- In the undivided database a table is seen with the names that its datasource has for it.
function Chinook:spell_whole(session)
  for _, model in pairs(self.models) do
    local columns = session:query("whole", "SELECT name FROM pragma_table_info(?)", { model.table })
    local list = {}
    for i, column in ipairs(columns) do
      local name = spelled(model.engine, column.name)
      list[i] = ("%s AS %s"):format(Oracle.quote(column.name), Oracle.quote(name))
      model.columns[i] = { name = name }
    end
    local view = "whole_" .. model.table
    session:execute("whole", ("CREATE VIEW %s AS SELECT %s FROM %s"):format(view, table.concat(list, ", "), model.table))
    model.table = view
  end
end

--- Fills the datasources, which are empty.
---@param app table
function Chinook:load(app)
  self.session, self.whole = app:session(), app:session()
  self.whole:transaction(function() load_whole(self.whole) end, { client = "whole" })
  for _, client in ipairs { "music", "people", "sales" } do load_datasource(self.whole, client, self.engines[client]) end
  self:spell_whole(self.whole)
  self.statements = App.watch(self.session)
  self.run = { models = self.models, null = shunt.null, query = function(sql, params) return (self.whole:query("whole", sql, params)) end }
end

-- ---- trees ----

local function spelled_where(engine, where)
  local out = {}
  for name, value in pairs(where) do out[spelled(engine, name)] = value end
  return out
end

local function spelled_list(engine, names)
  local out = {}
  for i, name in ipairs(names) do out[i] = spelled(engine, name) end
  return out
end

local function spelled_options(engine, opts)
  return {
    where = opts.where and spelled_where(engine, opts.where), order = opts.order and spelled_list(engine, opts.order),
    columns = opts.columns and spelled_list(engine, opts.columns), limit = opts.limit, offset = opts.offset,
  }
end

-- In an order that is total, so that nothing has to be sorted to be compared.
local function ordered(model) return { order = model == "playlist_track" and { "TrackId", "PlaylistId" } or nil } end

function Chinook:options(model, opts)
  opts = opts or ordered(model)
  local out = spelled_options(self.models[model].engine, opts)
  if not next(opts) then out.order = { self.models[model].primary_key } end
  return out
end

-- "artist", "albums.tracks", … as a tree; options are those of each relation on the way, by its name.
function Chinook:tree(model, paths, options)
  options = options or {}
  local root = { model = model, method = "select", opts = self:options(model, options[""]), include = {} }
  for _, dotted in ipairs(paths) do
    local node, at = root, model
    for name in dotted:gmatch "[^.]+" do
      local relation = assert(self.relations[at .. "." .. name], at .. "." .. name)
      local child
      for _, c in ipairs(node.include) do child = c.relation == relation and c or child end
      if not child then
        child = { relation = relation, opts = self:options(relation.target, options[name]), include = {} }
        table.insert(node.include, child)
      end
      node, at = child, relation.target
    end
  end
  return root
end

-- ---- cases ----

-- Decimals, which SQLite keeps as numbers and the others give as exact text, all as numbers.
local function with_numbers(value)
  if type(value) ~= "table" then return value end
  for key, v in pairs(value) do
    if decimals[key] then value[key] = v + 0.0 else with_numbers(v) end
  end
  return value
end

function Chinook:same(root)
  local expected = with_numbers(Oracle.normalise(Oracle.rows(self.run, root), root, shunt.null))
  local actual = with_numbers(Oracle.normalise(Tree.read(shunt, self.session, root), root, shunt.null))
  local different = show.difference(expected, actual, shunt.null)
  assert(not different, different)
  return expected
end

local function levels(root)
  local n = 1
  for _, child in ipairs(root.include) do n = n + (child.relation.kind == "belongs_to_many" and 1 or 0) + levels(child) end
  return n
end

function Chinook:check_all_there()
  assert(self.whole:query("whole", "SELECT count(*) AS n FROM Track")[1].n == 3503)
  for _, model in pairs(self.models) do
    local count = self.whole:query("whole", "SELECT count(*) AS n FROM " .. model.table)[1].n
    local got = self.session:model(model.name):count()
    assert(count > 0 and count == got, ("%s: %d rows, where there are %d"):format(model.name, got, count))
    assert(#model.columns > 0)
  end
end

function Chinook:check_relation(relation)
  local expected = self:same(self:tree(relation.source, { relation.name }))
  local some = false
  for _, row in ipairs(expected) do
    local found = row[relation.name]
    some = some or found and (relation.kind == "belongs_to" or relation.kind == "has_one" or #found > 0)
  end
  assert(some, "no row has any")
end

function Chinook:check_chain(chain)
  local root = self:tree(chain[1], chain[2])
  for i = #self.statements, 1, -1 do self.statements[i] = nil end
  self:same(root)
  assert(#self.statements <= levels(root), #self.statements .. " statements")
end

-- Decimals are exact where the engine keeps them so.
function Chinook:check_decimals()
  local invoice = self.session:model("invoice"):get(1)
  local total = invoice.Total or invoice.total
  assert(total == (self.engines.sales == "sqlite3" and 1.98 or "1.98"), "the total of invoice 1 is " .. tostring(total))
end

--- The checks: each has the name of a test, and a function that raises if the check fails.
---@return { name: string, run: function }[]
function Chinook:cases()
  local list = {}
  local function add(name, run) list[#list + 1] = { name = name, run = run } end
  add("is all there", function() self:check_all_there() end)
  add("has exact prices where the engine has them", function() self:check_decimals() end)
  local names = {}
  for name in pairs(self.relations) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    add("includes " .. name, function() self:check_relation(self.relations[name]) end)
  end
  for _, chain in ipairs(chains) do
    local what = table.concat(chain[2], ", ") .. " of " .. chain[1]
    add("includes " .. what .. ", with one statement for each relation, level and datasource", function() self:check_chain(chain) end)
  end
  for _, case in ipairs(narrowed) do
    add(("includes %s of %s with conditions, orders and limits"):format(table.concat(case[2], ", "), case[1]), function()
      assert(#self:same(self:tree(case[1], case[2], case[3])) > 0)
    end)
  end
  return list
end

return M
