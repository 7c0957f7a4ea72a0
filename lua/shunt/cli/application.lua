--- The application of a command: opens it from the flags, finds names in its catalog, makes requests and decisions.
local shunt = require "shunt"
local core = require "shunt.core"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local log = require "shunt.cli.log"
local names = require "shunt.cli.names"
local output = require "shunt.cli.output"
local values = require "shunt.cli.values"

---@class shunt.cli.application
---@field app any
---@field path string
---@field folder string "" or ending in a slash
---@field catalog table the result of app:describe()
---@field clients table<string, table>
---@field instances table<string, table>
---@field models table<string, table>
---@field relations table<string, table> by full name; each knows its `model`
local Application = {}
Application.__index = Application

local application = {}

local WITHOUT_OVERLAY = { dev = true, test = true, prod = true }
local MODES = { _inherit_ = true, _initial_ = true, _auto_ = true }

--- Options that need a relation.
application.NEEDS_RELATION = {
  relation_client = "says where a relation goes", parent = "is the datasource of a relation's parent",
}

--- The overlay of an environment: shunt.yaml has shunt.test.yaml.
---@return string
function application.overlay(path, env)
  local stem, extension = path:match "^(.*)(%.[^./]*)$"
  return ("%s.%s%s"):format(stem or path, env, extension or ".yaml")
end

--- The configuration file that the flags name, by itself or by its folder.
---@return string
function application.path(args)
  local path = args.config or "shunt.yaml"
  if not host.list(path) then return path end
  return (path:sub(-1) == "/" and path or path .. "/") .. "shunt.yaml"
end

--- The environments to choose from: dev, test, prod and those with an overlay beside the app config.
---@return string[]
function application.environments(path)
  local out = { dev = true, test = true, prod = true }
  local folder, file = path:match "^(.*/)([^/]*)$"
  local stem, extension = (file or path):match "^(.*)(%.[^.]*)$"
  for _, name in ipairs(stem and host.list(folder or ".") or {}) do
    if name:sub(1, #stem + 1) == stem .. "." and name:sub(-#extension) == extension then
      local env = name:sub(#stem + 2, -#extension - 1)
      if env ~= "" then out[env] = true end
    end
  end
  return output.keys(out)
end

local shared

--- Makes this application the one of further commands in this process, unless their flags name another.
---@param app shunt.cli.application
function application.share(app) shared = app end

--- Opens the application that the flags name.
---@param args table
---@param env? string the environment if neither --env nor SHUNT_ENV names one
---@param serves? boolean it is a host like others, which may connect at once
---@return shunt.cli.application
function application.open(args, env, serves)
  if shared and not args.config and not args.env then
    shared:refresh()
    return shared
  end
  local path = application.path(args)
  if not host.exists(path) then
    failure.raise(failure.CONFIG, ("there is no %s: name the app config with -c, or make an application with `shunt init DIR`")
      :format(path))
  end
  if args.env and not WITHOUT_OVERLAY[args.env] and not host.exists(application.overlay(path, args.env)) then
    failure.usage("--env %s: there is no %s, and only dev, test and prod need no overlay", args.env,
      application.overlay(path, args.env))
  end
  local given = args.env or (os.getenv "SHUNT_ENV" or "") == "" and env or nil
  local ok, app = pcall(shunt.open, path, { env = given, offline = not serves })
  if not ok then error(failure.code(app) and failure.loading(app) or app, 0) end
  log.attach(app, args)
  return application.of(app, path)
end

--- Wraps an application that is open.
---@return shunt.cli.application
function application.of(app, path)
  local self = setmetatable({ app = app, path = path, folder = path:match "^(.*/)" or "" }, Application)
  self:refresh()
  return self
end

--- Reads the catalog again: the counts of rules change.
function Application:refresh()
  local catalog = self.app:describe()
  self.catalog, self.clients, self.instances, self.models, self.relations = catalog, {}, {}, {}, {}
  for _, client in ipairs(catalog.clients) do self.clients[client.name] = client end
  for _, instance in ipairs(catalog.instances) do self.instances[instance.name] = instance end
  for _, model in ipairs(catalog.models) do
    self.models[model.name] = model
    for _, relation in ipairs(model.relations or {}) do
      relation.model = model
      self.relations[relation.full_name] = relation
    end
  end
end

local function known(what, flag, name, set)
  if set[name] == nil then failure.usage("%sthere is no %s '%s'%s", flag, what, name, names.hint(name, set)) end
end

--- The flag for an option of a request.
---@return string
function application.flag(option) return "--" .. option:gsub("_", "-") end

--- Checks that there is a client of this name.
function Application:check_client(name, flag)
  if name ~= "default" then known("client", flag or "", name, self.clients) end
end

local function check_client(self, of, name)
  if name == nil or of.kind == "MODE" and MODES[name] then return end
  self:check_client(name, application.flag(of.option) .. ": ")
end

---@class shunt.cli.request: shunt.request
---@field model string? nil: SQL that names no model
---@field instance? string
---@field attrs table<string, any>

--- The request that the flags describe. Names that don't exist are usage errors.
---@param args table
---@param where? table<string, any> replaces the values of --where
---@return shunt.cli.request
function Application:request(args, where)
  local relation = args.relation
  if relation then known("relation", "--relation: ", relation, self.relations) end
  local target = relation and self.relations[relation].target
  local model = args.model or target
  if args.no_model and model then failure.usage("--no-model: the access is to '%s'", model) end
  if not model and not args.no_model then
    failure.usage "a MODEL is missing: name one, or a relation with --relation, or say --no-model"
  end
  if model then known("model", "", model, self.models) end
  if target and model ~= target then
    failure.usage("--relation %s leads to '%s', not to '%s'", relation, target, model)
  end
  for option, meaning in pairs(relation and {} or application.NEEDS_RELATION) do
    if args[option] then failure.usage("%s %s: it needs --relation", application.flag(option), meaning) end
  end
  local request = { model = model }
  for _, of in ipairs(core.request_options) do
    if of.kind == "CLIENT" or of.kind == "MODE" then check_client(self, of, args[of.option]) end
    request[of.option] = args[of.option]
  end
  for name, value in pairs(self:session_of(args)) do request[name] = value end
  request.op = args.op or "read"
  request.where = where or values.pairs(args.where, "--where")
  return request
end

--- The session that the flags describe: an instance, attributes, a level.
function Application:session_of(args)
  if args.instance and args.instance ~= "" then known("instance", "--instance: ", args.instance, self.instances) end
  local attrs = values.pairs(args.attr, "--attr")
  for name, value in pairs(attrs) do
    if value == shunt.null then attrs[name] = nil end
  end
  return { instance = args.instance, attrs = attrs, level = values.count(args.level, "--level") or 0 }
end

--- A session for the request.
function Application:session(request)
  return self.app:session { instance = request.instance, attrs = request.attrs, level = request.level }
end

--- The decision on a request. A denied one has the field `denied`.
---@param request shunt.cli.request
---@param every_rule? boolean
function Application:decide(request, every_rule)
  local session <close> = self:session(request)
  local options = { every_rule = every_rule, no_model = not request.model }
  for _, of in ipairs(core.request_options) do
    options[of.option] = request[of.option]
  end
  return session:resolve(request.model, options)
end

--- Like decide, but returns nil and the error if it fails.
function Application:try(request)
  local ok, decision = pcall(self.decide, self, request)
  if ok then return decision end
  if not failure.code(decision) then error(decision, 0) end
  return nil, decision
end

--- A request for a model, a relation or neither, without further options.
---@return shunt.cli.request
function application.plain(model, relation, instance, op)
  return { model = model, relation = relation, instance = instance, attrs = {}, level = 0, op = op or "read", where = {} }
end

return application
