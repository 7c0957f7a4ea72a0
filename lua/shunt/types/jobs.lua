---@meta

-- The word of job files. It is a global only there.

---@class shunt.job
---@field handler fun(session: shunt.session, data: any, job: shunt.job_info): any push_async returns its result
---@field queue string? default: "default"
---@field concurrency integer? how many jobs of this name run at once, over all workers; default: no limit
---@field retry integer? how often it is tried again after a failure; default: 3
---@field backoff string? the wait before it is tried again, doubled with each failure; default: "1s"
---@field timeout string? of the handler: "30s"
---@field transaction boolean|string|shunt.transaction_options|nil true, a client, or the options: the handler runs in a transaction
---@field priority integer? lower goes first
---@field instances string|string[]|nil for which instances the schedule pushes it: names, "eu-*", "*"; default: the default instance
---@field schedule string? when workers push it, in UTC: "0 3 * * *", "@hourly"

---@param name string
---@return fun(declaration: shunt.job)
function job(name) end
