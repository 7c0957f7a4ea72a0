---@meta

-- The word of job files. It is a global there, and nowhere else.

---@class shunt.job
---@field handler fun(session: shunt.session, data: any, job: shunt.job_info): any what it returns is what push_async gives
---@field queue string? "default" where left out
---@field concurrency integer? so many of this name run at once, among all workers; any number where left out
---@field retry integer? how often it is tried again after failures; 3 where left out
---@field backoff string? before it is tried again, doubled with each failure: "1s" where left out
---@field timeout string? of the handler: "30s"
---@field transaction boolean|string|shunt.transaction_options|nil true, a client, or the options: the handler runs in a transaction
---@field priority integer? lower goes first
---@field schedule string? when it is pushed by itself, in UTC: "0 3 * * *", "@hourly"

---@param name string
---@return fun(declaration: shunt.job)
function job(name) end
