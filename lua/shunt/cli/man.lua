--- The manual page shunt(1), made from the declarations in commands.lua.
local commands = require "shunt.cli.commands"
local host = require "shunt.cli.host"
local troff = require "shunt.cli.troff"

local man = {}

local escaped, bold, italic = troff.escaped, troff.bold, troff.italic

--- "-c, --config FILE" of a flag.
local function flag_label(flag)
  local names = {}
  for name in flag[1]:gmatch "%S+" do names[#names + 1] = bold(name) end
  return table.concat(names, ", ") .. (flag[2] and " " .. italic(flag[2]) or "")
end

local function argument_label(argument)
  local label = italic(argument[1])
  if argument.choices then label = italic(table.concat(argument.choices, "|")) end
  if argument.args == "?" then return "[" .. label .. "]" end
  if argument.args == "*" then return "[" .. label .. " ...]" end
  return label
end

local function tagged(out, label, text) troff.tagged(out, label, escaped(text)) end

local function add_command(out, command)
  local label = { bold(command.name) }
  for _, argument in ipairs(command.arguments) do label[#label + 1] = argument_label(argument) end
  out[#out + 1] = ".SS " .. table.concat(label, " ")
  out[#out + 1] = escaped(command.summary)
  if command.details then out[#out + 1] = escaped(command.details) end
  for _, argument in ipairs(command.arguments) do tagged(out, italic(argument[1]), argument[2]) end
  for _, flag in ipairs(command.flags) do tagged(out, flag_label(flag), flag[3]) end
end

local function section(out, title, list, label)
  out[#out + 1] = ".SH " .. title
  for _, entry in ipairs(list) do tagged(out, label(tostring(entry[1])), entry[2]) end
end

local function synopsis()
  local out = {}
  for i, flag in ipairs(commands.config) do out[i] = "[" .. flag_label(flag) .. "]" end
  return ("%s %s [%s]"):format(table.concat(out, " "), italic "COMMAND", italic "OPTIONS")
end

---@return string
function man.page()
  local out = {
    ('.TH SHUNT 1 "" "shunt %s" "User Commands"'):format(host.version),
    ".SH NAME", "shunt \\- " .. escaped(commands.summary),
    ".SH SYNOPSIS", ".B shunt", synopsis(),
    ".SH DESCRIPTION",
  }
  for i, paragraph in ipairs(commands.description) do
    if i > 1 then out[#out + 1] = ".PP" end
    out[#out + 1] = escaped(paragraph)
  end
  out[#out + 1] = ".SH OPTIONS"
  out[#out + 1] = "\\-\\-version stands alone; the other options stand before or after the command."
  for _, flag in ipairs(commands.config) do tagged(out, flag_label(flag), flag[3]) end
  for _, flag in ipairs { commands.help, commands.version } do tagged(out, flag_label(flag), flag[3]) end
  out[#out + 1] = ".SH COMMANDS"
  for _, command in ipairs(commands.list) do
    if not command.hidden then add_command(out, command) end
  end
  section(out, "EXIT STATUS", commands.exit_status, bold)
  section(out, "ENVIRONMENT", commands.environment, bold)
  section(out, "FILES", commands.files, italic)
  out[#out + 1] = ".SH EXAMPLES\n.nf"
  for _, example in ipairs(commands.examples) do out[#out + 1] = escaped(example) end
  out[#out + 1] = ".fi\n.SH SEE ALSO\n.BR shunt (3),\n.BR shunt.yaml (5),\n.BR shunt\\-rules (7),\n.BR lua5.4 (1),\n.BR busted (1)"
  return table.concat(out, "\n") .. "\n"
end

return man
