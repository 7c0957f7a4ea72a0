std = "lua54"
max_line_length = 160
cache = false
exclude_files = { "build/" }

local rule_words = {
  "model", "rule", "datasource", "instance", "has_one", "has_many", "belongs_to", "belongs_to_many",
  "deny", "pick", "uncacheable", "null",
}
files["rules/standard"] = { read_globals = rule_words }
files["rules/**/rules/**/*.lua"] = { read_globals = rule_words }
files["tests/**/rules/**/*.lua"] = { read_globals = rule_words }
-- These rules make mistakes on purpose, and compare their messages.
files["tests/unit/rule/same/rules/**/*.lua"] = { read_globals = rule_words, ignore = { "113", "122", "142", "143", "241", "512" } }
files["rules/**/jobs/*.lua"] = { read_globals = { "job" } }

-- shunt.busted adds assert.routes and assert.denies.
local asserts = { assert = { fields = { routes = {}, denies = {} }, other_fields = true } }
files["**/*_spec.lua"] = { std = "+busted", read_globals = asserts }

-- Stubs for the language server declare names and use none.
files["lua/shunt/types"] = { ignore = { "1", "2", "6" } }
