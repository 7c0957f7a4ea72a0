---@meta

-- The words of rule files. They are globals only there. Of Lua's own functions, rules have those of
-- rules/manual/sandbox.md.

---@class shunt.rules.instance
---@field name string
---@field title string?
---@field id integer?
---@field isolate boolean
---@field isolateClient string?
---@field config table?

---The request. It is read-only and can't be enumerated; an absent field is nil.
---@class shunt.rules.request
---@field model string? nil if raw SQL or a transaction asks for a datasource
---@field relation string? "user.orders"
---@field explicit string? the client that the call asks for
---@field relation_client string?
---@field parent string? the parent row's datasource
---@field current string? the datasource the session was switched to
---@field default string database.defaultClient
---@field instance shunt.rules.instance
---@field env string
---@field op "read"|"write"
---@field level integer
---@field in_transaction boolean
---@field transaction {client: string?, read_only: boolean, isolation: string?}? the transaction that the access runs in
---@field wrote boolean? in refine and guard rules: the session has written to the candidate's datasource
---@field where table<string, any> the values that the access compares columns with, for equality
---@field part integer? the number of the part of a partitioned model that is asked for, where no value says it
---@field attrs table<string, string|number|boolean> the attributes of the session
---@field client string? in refine and guard rules: the candidate so far
---@field table string? in refine and guard rules
local request = {}

---The whole number in a field, modulo n; nil if the field is absent. The decision depends on the remainder, not on the value.
---@param field string "where.user_id"
---@param n integer
---@return integer?
function request:mod(field, n) end

---The bucket of the value's hash, from 0 to n - 1; nil if the field is absent.
---@param field string
---@param n integer
---@return integer?
function request:bucket(field, n) end

---@param field string
---@param set any[]
---@return boolean
function request:one_of(field, set) end

---@param field string
---@param beginning string
---@return boolean
function request:prefix(field, beginning) end

---The client that the model is bound to; nil without one.
---@return shunt.rules.choice
function request:model_client() end

---@alias shunt.rules.table string|{schema: string, name: string}
---@alias shunt.rules.choice string|{client: string?, table: shunt.rules.table?, level: integer?}|shunt.rules.pick|shunt.rules.denial|nil
---@alias shunt.rules.names string|string[]

---@class shunt.rules.pick
---@class shunt.rules.denial
---@class shunt.rules.relation

---@class shunt.rules.pick_options
---@field [integer] string clients
---@field policy "round_robin"|"random"|"least_busy"|"hash"|nil
---@field key any? for hash

---@class shunt.rules.parts
---@field tables shunt.rules.names? names, or one with %d or %02d for 0 to n - 1
---@field n integer?
---@field clients shunt.rules.names?

---@class shunt.rules.part
---@field client string?
---@field table string?

---@class shunt.rules.model
---@field env shunt.rules.names?
---@field table shunt.rules.table|(fun(req: shunt.rules.request): shunt.rules.table)|nil
---@field primary_key shunt.rules.names?
---@field instance_column string?
---@field soft_delete string? a column for times: a delete sets it, and reads leave out rows in which it is not null
---@field timestamps {created: string?, updated: string?}? columns for times that shunt sets
---@field parts shunt.rules.parts|shunt.rules.part[]|(fun(): shunt.rules.parts|shunt.rules.part[])|nil all places of the rows
---@field types table<string, "integer"|"number"|"decimal"|"boolean"|"text"|"blob"|"date"|"time"|"datetime"|"json"|"uuid">?
---@field client string|(fun(req: shunt.rules.request): string?)|nil
---@field relations table<string, shunt.rules.relation>?

---@class shunt.rules.rule
---@field stage "override"|"explicit"|"relation"|"model"|"current"|"default"|"refine"|"guard"
---@field env shunt.rules.names?
---@field model shunt.rules.names? conditions take a name, a list, or a pattern with a trailing *
---@field relation shunt.rules.names?
---@field instance shunt.rules.names?
---@field op "read"|"write"|nil
---@field priority number? lower goes first; default: 0
---@field when (fun(req: shunt.rules.request): boolean?)|nil
---@field client shunt.rules.names|table|(fun(req: shunt.rules.request): shunt.rules.choice)|nil a choice; with deny or check, a condition
---@field deny string?
---@field check (fun(req: shunt.rules.request): shunt.rules.denial?)|nil

---@param name string
---@return fun(body: shunt.rules.model)
function model(name) end

---@param name string
---@return fun(body: shunt.rules.rule)
function rule(name) end

---@class shunt.rules.datasource what a client in the configuration may have
---@field clone string?
---@field engine "sqlite3"|"pg"|"mysql"|nil
---@field connection table<string, string|number|boolean>?
---@field pool table?
---@field role "primary"|"replica"|nil
---@field server string? one of `servers` in the configuration
---@field session table<string, string|number|boolean>? session variables; texts may have ${instance}, ${instance.id}, ${env}, ${attrs.NAME}
---@field env shunt.rules.names?

---@param name string
---@return fun(body: shunt.rules.datasource)
function datasource(name) end

---@param name string
---@return fun(body: table)
function instance(name) end

---@param target string a model
---@param foreign_key shunt.rules.names in the target
---@param options table?
---@return shunt.rules.relation
function has_one(target, foreign_key, options) end

---@param target string
---@param foreign_key shunt.rules.names in the target
---@param options table?
---@return shunt.rules.relation
function has_many(target, foreign_key, options) end

---@param target string
---@param foreign_key shunt.rules.names in the model itself
---@param options table?
---@return shunt.rules.relation
function belongs_to(target, foreign_key, options) end

---@param through string the model between
---@param target string
---@param foreign_key shunt.rules.names in through, to the model itself
---@param through_key shunt.rules.names in through, to the target
---@param options table?
---@return shunt.rules.relation
function belongs_to_many(through, target, foreign_key, through_key, options) end

---Refuses the access. A rule's function returns it.
---@param reason string
---@return shunt.rules.denial
function deny(reason) end

---A choice that the core makes at each access, between up to 64 clients that hold the same rows. A rule's function returns it.
---@param options shunt.rules.pick_options
---@return shunt.rules.pick
function pick(options) end

---Keeps the decision out of the cache: it is made anew each time. Only while a rule is asked.
---@param reason string
function uncacheable(reason) end

---NULL, for a relation's `where`: nil would leave the column out.
---@type lightuserdata
null = nil
