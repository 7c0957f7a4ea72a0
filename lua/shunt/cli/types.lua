--- The declared types of a model's columns, compared with those that the database declares.

local types = {}

local texts = { "char", "text", "clob", "string", "enum", "set", "name" }

-- type -> words of database types that hold such values; and those that SQLite, whose dates and decimals are texts, has too
local words = {
  integer = { "int", "serial", "bit", "year", "oid", "numeric", "decimal" },
  number = { "real", "doub", "floa", "num", "dec", "int" },
  decimal = { "num", "dec", "int", "real", "doub", "floa" },
  boolean = { "bool", "tinyint", "bit" },
  text = texts,
  blob = { "blob", "binary", "bytea" },
  date = { "date" },
  time = { "time" },
  datetime = { "datetime", "timestamp" },
  json = { "json", "text" },
  uuid = { "uuid", "char", "text" },
}
local more = {
  sqlite3 = {
    decimal = { "text", "char" }, boolean = { "int", "num" }, date = { "text", "char" }, time = { "text", "char" },
    datetime = { "text", "char", "timestamp" }, uuid = { "string" },
  },
  mysql = { boolean = { "int" } },
}

local function has(declared, list)
  for _, word in ipairs(list or {}) do
    if declared:find(word, 1, true) then return true end
  end
  return false
end

--- Whether a column of the declared database type holds values of the model's type. SQLite's columns without a type hold any.
---@param engine string
---@param type_name string
---@param declared string
---@return boolean
function types.agree(engine, type_name, declared)
  declared = declared:lower():gsub("interval", "")
  if engine == "sqlite3" and declared == "" then return true end
  if declared:find("[]", 1, true) then return false end
  if (type_name == "integer" or type_name == "number") and declared:find "point" then return false end
  if type_name == "date" and declared:find "datetime" then return true end
  if type_name == "time" and (declared:find "datetime" or declared:find "timestamp") then return false end
  return has(declared, words[type_name]) or has(declared, more[engine] and more[engine][type_name])
end

return types
