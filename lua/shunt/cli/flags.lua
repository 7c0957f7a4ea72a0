--- Flags that several commands share.
local flags = {}

--- The flags before the command and those after it are kept apart, for the parser forgets the former at the latter.
---@param parser table argparse's, of the program or of a command
---@param prefix? string of the names the values get: "before_" gives before_config and before_env
function flags.config(parser, prefix)
  prefix = prefix or ""
  local config = parser:option "-c":hidden_name "--config":target(prefix .. "config"):argname "FILE"
  config:description "The app config (also --config). Default: shunt.yaml in the working folder."
  parser:option "--env":target(prefix .. "env"):argname "NAME":description "The environment. Default: SHUNT_ENV, else dev."
end

local function once(parser, name, argname, description)
  return parser:option(name):argname(argname):description(description)
end

local function many(parser, name, argname, description)
  return once(parser, name, argname, description):count "*"
end

--- What describes an access.
---@param parser table an argparse command
---@param with { operators: boolean } whether --where takes more than equality
function flags.request(parser, with)
  parser:argument "model":argname "MODEL":args "?":description "The model. May be left out with --relation: its target."
  once(parser, "--relation", "P.R", "The access follows the relation R of the model P, as in user.orders.")
  once(parser, "--relation-client", "C", "The client given with the call: a name, _inherit_, _initial_ or _auto_.")
  once(parser, "--instance", "I", "The session's instance.")
  once(parser, "--client", "C", "The client asked for explicitly.")
  once(parser, "--current", "C", "The datasource the session was switched to.")
  once(parser, "--parent", "C", "The parent's datasource. Default: what the parent model resolves to.")
  local op = once(parser, "--op", with.operators and "read" or "read|write", "Default: read.")
  op:choices(with.operators and { "read" } or { "read", "write" })
  once(parser, "--level", "N", "The session's level. Default: 0.")
  many(parser, "--where", "c=v", with.operators and "A condition: column=value, or != > >= < <= ~ (like) in place of =."
    or "A column compared for equality. Numbers, true, false and null are such, else text.")
  many(parser, "--attr", "k=v", "An attribute of the session.")
end

function flags.json(parser, description) parser:flag "--json":description(description or "Output for programs.") end

return flags
