--- The manual page shunt.yaml(5), made from the manual's table of settings.
local core = require "shunt.core"
local host = require "shunt.cli.host"
local troff = require "shunt.cli.troff"

local man_config = {}

local DESCRIPTION = {
  "shunt.yaml is the app config of an application that uses shunt: a YAML file with its databases, instances, models, rules and "
    .. "jobs. The overlay shunt.ENV.yaml in the same folder changes it for the environment ENV.",
  "`${VAR}` and `${VAR:-fallback}` stand for the value of an environment variable, and `${file:PATH}` for the content of a file.",
  "`shunt check` finds mistakes in the file. `shunt config` prints it with its overlay, `shunt config --defaults` prints every "
    .. "setting with its default, and `shunt config --schema` a JSON Schema for editors.",
}

--- Code in Markdown becomes bold.
local function formatted(markdown) return (troff.escaped(markdown):gsub("`([^`]*)`", "\\fB%1\\fR")) end

--- The cells of a row as text, without the link to a chapter of the manual at the end.
local function describe(values, reload, meaning)
  local text = ("%s. %s"):format(values, meaning:gsub(" %[[^%]]*%]%([^)]*%)$", ""))
  return reload == "" and text or ("%s A reload that changes it makes %s."):format(text, reload)
end

---@return string
function man_config.page()
  local out = {
    ('.TH SHUNT.YAML 5 "" "shunt %s" "File Formats"'):format(host.version),
    ".SH NAME", "shunt.yaml \\- the app config of shunt",
    ".SH DESCRIPTION",
  }
  for i, paragraph in ipairs(DESCRIPTION) do
    if i > 1 then out[#out + 1] = ".PP" end
    out[#out + 1] = formatted(paragraph)
  end
  out[#out + 1] = ".SH SETTINGS"
  for name, values, reload, meaning in core.settings "manual":gmatch "\n| `([^`]+)` | (.-) | (.-) | (.-) |%f[\n]" do
    troff.tagged(out, troff.bold(name), formatted(describe(values, reload, meaning)))
  end
  out[#out + 1] = ".SH SEE ALSO\n.BR shunt (1),\n.BR shunt\\-rules (7)"
  return table.concat(out, "\n") .. "\n"
end

return man_config
