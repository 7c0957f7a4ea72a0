--- Writes the manual pages shunt(1), shunt(3), shunt.yaml(5) and shunt-rules(7), and a page for each function that
--- refers to shunt(3).
--- Use, in the project's folder: shunt run src/pack/man.lua FOLDER
package.path = "src/pack/?.lua;" .. package.path
local header_page = require "header_page"
local markdown_page = require "markdown_page"

local folder = assert(arg[1], "name a folder")

local function write(path, text)
  local file = assert(io.open(folder .. "/" .. path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local functions
local header
header, functions = header_page.make "src/shunt.h"

for _, section in ipairs { 1, 3, 5, 7 } do assert(os.execute(("mkdir -p '%s/man%d'"):format(folder, section))) end
write("man1/shunt.1", require("shunt.cli.man").page())
write("man3/shunt.3", header)
for _, name in ipairs(functions) do write(("man3/%s.3"):format(name), ".so man3/shunt.3\n") end
write("man5/shunt.yaml.5", require("shunt.cli.man_config").page())
write("man7/shunt-rules.7", markdown_page.make {
  title = "SHUNT-RULES 7", manual = "Miscellaneous", name = "shunt-rules", summary = "routing rules of shunt, written in Lua",
  description = "The rule files of an application lie in the folders that `rules.path` of shunt.yaml(5) names. They declare "
    .. "datasources, instances, models and rules, which decide where each access to a model or a relation goes. This page describes "
    .. "these declarations, and then the sandbox in which they run.",
  files = { "rules/manual/rules.md", "rules/manual/sandbox.md" },
  see = ".BR shunt (1),\n.BR shunt (3),\n.BR shunt.yaml (5)",
})
