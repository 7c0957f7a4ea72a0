---@meta shunt

---The value NULL, which is neither nil nor false. A column that is NULL holds it; `where = {deleted_at = shunt.null}` means IS NULL.
---@class shunt.null: lightuserdata

---A binary value. Two blobs with the same bytes are equal; `#` and `..` work, and `tostring` returns the bytes.
---@class shunt.blob: userdata
---@operator len: integer
---@operator concat(string|shunt.blob): shunt.blob
local blob = {}

---@return string
function blob:bytes() end

---@alias shunt.value string|number|boolean|shunt.null|shunt.blob
---@alias shunt.code
---| "SHUNT_E_CONFIG" | "SHUNT_E_RULE" | "SHUNT_E_LIMIT" | "SHUNT_E_DENIED" | "SHUNT_E_NOT_FOUND" | "SHUNT_E_USAGE"
---| "SHUNT_E_DATASOURCE" | "SHUNT_E_TIMEOUT" | "SHUNT_E_CONSTRAINT" | "SHUNT_E_TRANSACTION" | "SHUNT_E_CONFLICT"
---| "SHUNT_E_MEMORY" | "SHUNT_E_INTERNAL"

---The error that every function here raises. `tostring` makes one line of it.
---@class shunt.error
---@field code shunt.code
---@field message string what is wrong, and what to do
---@field outcome "not done" | "done" | "unknown" what is known of the write or commit that failed
---@field file string? a configuration or rule file
---@field line integer?
---@field column integer?
---@field client string? the datasource on which it happened
---@field rule string? the rule that failed or refused
---@field sqlstate string?
---@field engine_code integer? the code of the database
---@field traceback string? the traceback of the rule's Lua code
---@field caller string? the line of the host's Lua code that made the call, "app.lua:12"
---@field problems shunt.error[]? from shunt.open and app:reload: all mistakes
---@field failures any[]? the errors of hooks that ran after the transaction
---@field cause any? the error that led to the rollback

---@class shunt.config_options
---@field env string? the environment; default: SHUNT_ENV, or "dev" if that is not set
---@field offline boolean? connects to no datasource before it is asked to: does not look for transactions to recover

---@class shunt.session_options
---@field instance string? the tenant; default: the default instance
---@field attrs table<string, string|number|boolean>? rules see them as req.attrs; only those that `attributes` in the app config declares, if it is there
---@field level integer? default: 0; at most database.maxLevel
---@field timeout shunt.duration? of each call of the session; default: "0s", no limit
---@field follow boolean? after a reload, the next call outside a transaction moves to the newest generation

---A whole number with a unit, as in the app config: "500ms", "5s", "2m", "1h".
---@alias shunt.duration string

---A column of the same row, as the right side of a condition: made by shunt.column.
---@alias shunt.column_name {column: string}
---A pattern with `%` and `_`: `"A%"`, or `{"50!%", escape = "!"}`.
---@alias shunt.pattern string|{[1]: string, escape: string}
---@alias shunt.operand shunt.value|shunt.column_name
---@alias shunt.operators {eq: shunt.operand?, ne: shunt.operand?, gt: shunt.operand?, gte: shunt.operand?, lt: shunt.operand?, lte: shunt.operand?, in: shunt.value[]?, not_in: shunt.value[]?, between: shunt.value[]?, not_between: shunt.value[]?, like: shunt.pattern?, ilike: shunt.pattern?, contains: string?, starts_with: string?, ends_with: string?}
---Under the name of a relation: a condition on its rows.
---@alias shunt.related {some: shunt.where?, none: shunt.where?, every: shunt.where?}
---A table of columns; `_or` and `_and` hold a list of conditions, `_not` one.
---@alias shunt.where table<string, shunt.value|shunt.value[]|shunt.operators|shunt.column_name|shunt.related|table>
---@alias shunt.names string|string[]
---@alias shunt.row table<string, any>

---@class shunt.query_options
---@field columns shunt.names? default: all
---@field where shunt.where?
---@field order shunt.names? "name" is ascending, "-id" descending; "due nulls last", "-due nulls first"; "author.name" of another row; in an include of a belongs_to_many also "link.since"
---@field limit integer? in an include it counts for each parent row
---@field offset integer?
---@field client string? the explicit client
---@field table shunt.table?
---@field include shunt.include? relations to load with the rows
---@field with table<string, shunt.relation>? relations made on the spot
---@field deleted boolean? rows that the model's soft_delete marks as deleted, too

---@class shunt.query: shunt.get_options
---@field distinct boolean? equal rows once

---@class shunt.get_options: shunt.query_options
---@field timeout shunt.duration? of this call; default: the session's
---@field lock "update"|"share"|nil locks the rows until the end of the transaction
---@field nowait boolean? fails with SHUNT_E_CONFLICT if another transaction has locked a row
---@field skip_locked boolean? leaves out rows that another transaction has locked

---@class shunt.count_options: shunt.query_options
---@field timeout shunt.duration? of this call; default: the session's
---@field distinct boolean? counts the different rows of `columns`

---`{orders = true}`, `{orders = {where = …}}`, `{"orders", "orders.lines"}`; `false` leaves out a relation with `autoload`.
---@alias shunt.include string|string[]|table<string, boolean|shunt.include_options>

---@class shunt.include_options: shunt.query_options
---@field count boolean|string|string[]? true alone: the number of the rows instead of the rows; then without columns, order and include
---@field sum shunt.names? with any of these, and with columns to count, a row of results instead of the rows
---@field avg shunt.names?
---@field min shunt.names?
---@field max shunt.names?
---@field link boolean|shunt.link|nil belongs_to_many: each row has its link, the row of the through model, as `row.link`

---@class shunt.link
---@field columns shunt.names? of the through model; default: all
---@field where shunt.where? on the through model's columns: only these links count

---@class shunt.aggregation
---@field count boolean|string|string[]? true or "*" counts rows
---@field sum shunt.names?
---@field avg shunt.names?
---@field min shunt.names?
---@field max shunt.names?
---@field group shunt.names?
---@field where shunt.where?
---@field having shunt.where? which groups; its columns are those of the result
---@field order shunt.names?
---@field limit integer?
---@field offset integer?
---@field client string?
---@field table shunt.table?
---@field deleted boolean? rows that the model's soft_delete marks as deleted, too
---@field timeout shunt.duration? of this call; default: the session's

---A table's name. "audit.log" and {schema = "audit", name = "log"} are the table log of the schema audit.
---@alias shunt.table string|{schema: string, name: string}

---@class shunt.delete
---@field where shunt.where? the rows
---@field all boolean? allows a write to all rows
---@field client string?
---@field table shunt.table?
---@field include shunt.include? the relations whose rows are written too
---@field timeout shunt.duration? of this call; default: the session's
---@field purge boolean? deletes the rows even if the model has soft_delete, and those already marked

---@class shunt.update
---@field where shunt.where? the rows; without it, the primary key of the given row
---@field all boolean? allows a write to all rows
---@field client string?
---@field table shunt.table?
---@field include shunt.include? the relations whose rows are written too
---@field timeout shunt.duration?
---@field deleted boolean? rows that soft_delete marks as deleted, too

---@class shunt.update_bulk
---@field client string?
---@field table shunt.table?
---@field timeout shunt.duration?

---@class shunt.increment
---@field all boolean? allows a write to all rows
---@field client string?
---@field table shunt.table?
---@field timeout shunt.duration?
---@field deleted boolean? rows that soft_delete marks as deleted, too
---@field set shunt.row? other columns that get values in the same statement

---@class shunt.insert: shunt.update_bulk
---@field include shunt.include? the relations whose rows are written too
---@field on_conflict string|string[]|nil the columns of a unique key: a row that has the values already is no error
---@field update string|string[]|true|nil the columns that such a row gets from the given one; true: all but the key; default: none

---@class shunt.insert_bulk: shunt.insert
---@field returning boolean? return the rows instead of their number

---An open read of model:each. It ends with its last row, an error, or its loop.
---@class shunt.stream: userdata

---The columns and relations of a select's rows.
---@class shunt.meta
---@field columns string[]
---@field relations table<string, shunt.meta>
---@field kind shunt.kind? for a relation

---@alias shunt.kind "has_one"|"belongs_to"|"has_many"|"belongs_to_many"

---@class shunt.relation
---@field kind shunt.kind

---@class shunt.relation_options
---@field client string? a client, "_inherit_" (the parent's), "_initial_" or "_auto_"
---@field through_client string?
---@field columns shunt.names?
---@field table shunt.table?
---@field where shunt.where?
---@field order shunt.names?
---@field limit integer? for each parent row
---@field key shunt.names? the columns that the foreign key refers to; default: the primary key
---@field autoload boolean?
---@field include shunt.include?

---@class shunt.request
---@field op "read"|"write"|nil
---@field client string? the explicit client
---@field table shunt.table?
---@field relation string? "user.orders"
---@field relation_client string?
---@field parent string? the parent's datasource; default: where the parent model resolves to
---@field current string? the current datasource; default: the session's
---@field where table<string, shunt.value>?
---@field level integer?
---@field every_rule boolean? the trace also has the rules whose conditions did not hold
---@field no_model boolean? without a model and a relation: SQL that names none

---An object whose fields are read-only; pairs goes over them. trace and depends_on are new lists at each access. Two decisions are
---equal if all their fields are. A decision from the cache is mostly the same object as before.
---@class shunt.decision
---@field model string
---@field relation string?
---@field client string? nil if denied
---@field engine "sqlite3"|"pg"|"mysql"|nil
---@field level integer
---@field table string
---@field op "read"|"write"
---@field role "primary"|"replica"
---@field rule string the rule that chose or denied
---@field source string "rules/residency.lua:3"
---@field generation integer
---@field pinned_by "transaction"|"job"|nil what pins it to the client: an active transaction there, or the session's job
---@field denied string? why
---@field uncacheable string? why
---@field outside string? "where.user_id": the rules chose by it a place that is not one of the model's parts, so an access is refused
---@field unfixed_rule string? with every_rule: the rule that reads that column; nil: the model's table function
---@field unfixed_source string? its place; nil: the place of the model
---@field unfixed string? "where.user_id": the rules chose by it without a value, so an access asks all parts or is refused
---@field remembered boolean it came from the cache, without asking a rule
---@field not_remembered string? why it won't be the next time either
---@field depends_on string[]
---@field trace shunt.step[]

---@alias shunt.verdict
---| "conditions not met" | "when said no" | "no opinion" | "chose" | "changed" | "allowed" | "denied" | "pinned to"

---@class shunt.step
---@field stage string
---@field rule string
---@field source string "rules/residency.lua:3"
---@field verdict shunt.verdict
---@field detail string? the client, the reason, or the condition that did not hold
---@field result string the verdict and its detail as one text

---@class shunt.statement
---@field client string
---@field level integer
---@field sql string
---@field params shunt.value[]
---@field rows integer rows that were read
---@field affected integer rows that were written
---@field duration_ns integer
---@field code shunt.code? if it failed
---@field op "read"|"write"
---@field model string? nil for SQL that names no model
---@field table string?
---@field rule string? the rule that chose the client, or changed it last
---@field source string? its file and line

---A statement as app:observe gives it. A field that does not apply is nil.
---@class shunt.observed
---@field time number when it ended: seconds since 1970
---@field client string
---@field level integer
---@field op "read"|"write"
---@field model string? nil for SQL that names no model, and for statements of shunt's own
---@field table string?
---@field rule string? the rule that chose the client, or changed it last
---@field source string? its file and line
---@field instance string
---@field job string? the job that the session runs
---@field sql string with ? for the values
---@field rows integer rows that were read
---@field affected integer rows that were written
---@field duration_ns integer
---@field code shunt.code? if it failed

---@alias shunt.propagation
---| "REQUIRED" # joins the active one there, or begins one
---| "SUPPORTS" # joins it, or runs without a transaction
---| "MANDATORY" # joins it, or fails
---| "NEVER" # fails if one is active
---| "NESTED" # sets a savepoint in it, or begins one
---| "REQUIRES_NEW" # begins its own, one level up
---| "NOT_SUPPORTED" # runs without a transaction, one level up

---@class shunt.transaction_options
---@field client string? where it begins; default: with its first access
---@field model string? instead: where an access to this model goes
---@field where shunt.where? with model: to these rows
---@field clients string[]? instead: on all of these, which commit as one
---@field propagation shunt.propagation? default: "REQUIRED"
---@field isolation "read uncommitted"|"read committed"|"repeatable read"|"serializable"|nil default: the engine's own
---@field read_only boolean?
---@field spanning "error"|"run"|"join"|nil accesses to other datasources fail, run outside of it, or are taken in, so that all commit as
---one; default: database.spanning
---@field retry integer? how often fn is called again after the engine rolled the transaction back for another one

---Override the declaration of the job.
---@class shunt.push_options
---@field delay shunt.duration? the time until it is due
---@field priority integer? lower goes first; default: the declaration's, or 0
---@field unique string? no second job of this name, instance and queue with this key is pushed while the first waits or runs
---@field unique_scope "job"|"queue"|nil "queue": among all keys of the queue with this scope, of any name and instance
---@field queue string?
---@field retry integer? how often it is tried again after a failure
---@field instance string? the instance to run it for; default: the session's. For another one, attributes and current datasource of
---the session stay behind

---@class shunt.push_async_options: shunt.push_options
---@field timeout shunt.duration? of the wait; default: the session's

---The third argument of a handler.
---@class shunt.job_info
---@field id integer
---@field name string
---@field queue string
---@field instance string
---@field attempt integer from 1

---@class shunt.worker_options
---@field queues shunt.names? default: all
---@field concurrency integer? how many jobs run at once, each in a thread with its own Lua state; default: 4
---@field lease shunt.duration? default: `jobs.lease` of the app config
---@field drain boolean? end as soon as no job is due, and push no scheduled jobs

---@class shunt.worker_status
---@field threads integer running threads
---@field running integer running jobs
---@field completed integer
---@field failed integer attempts
---@field released integer jobs that were left to others
---@field problem shunt.error? the last error that kept a thread from its work

---@alias shunt.job_state "ready"|"running"|"done"|"dead"

---@class shunt.sql_options
---@field timeout shunt.duration? of this call; default: the session's
---@field op "read"|"write"|nil default: as the statement says. A "read" that writes fails
---@field model string? goes where an access to this model goes
---@field where shunt.where? with model: gives the sharding key; it does not filter

---The connections of a client at a level. Counters begin when the application opens.
---@class shunt.pool
---@field client string
---@field level integer
---@field open integer connections: busy, idle and being opened
---@field busy integer connections that are not idle
---@field waiting integer callers in the waitlist
---@field max integer
---@field acquired integer connections handed to callers
---@field opened integer connections opened
---@field closed integer connections closed because they were broken, idle for too long, or past their lifetime
---@field failed integer failed attempts to connect
---@field timeouts integer callers that got no connection in time
---@field waited_ms integer the total time that callers have waited
---@field circuit_open boolean the client is considered down
---@field retry_ms integer the time until the next attempt to connect

---A limit for the connections of several clients: of the application, or of a server.
---@class shunt.limit
---@field server string? nil: of the application
---@field max integer 0: there is no limit
---@field open integer connections under it
---@field taken integer idle connections that were closed because another client needed their place

---A session or job that waits at the moment: for a connection, for the lock of a file, or for the end of a job.
---@class shunt.wait
---@field waiter string "session 3 (instance 'acme')", "job 'mail' 42"
---@field client string? the client whose connections are all busy, or whose file is locked
---@field level integer? the level of that client
---@field file string? the locked file
---@field job string? the job that it waits for: "job 'mail' 42"
---@field holders string[] the known holders of the connections, of the lock or of the job
---@field waited_ms integer

---The figures of one rule. A cached decision counts as if its rules had been asked.
---@class shunt.rule_statistics
---@field name string
---@field stage string
---@field source string
---@field asked integer how often its conditions held
---@field selected integer how often it named or changed the client, table or level
---@field passed integer how often it had no opinion, or allowed the access
---@field denied integer
---@field failed integer
---@field timed integer number of timed calls
---@field timed_ns integer the total time of these calls

---Figures of the newest generation, counted since it was loaded.
---@class shunt.statistics
---@field generation integer
---@field remembers boolean whether decisions are cached: false with `rules.remember: 0`, and after a difference
---@field hits integer requests answered from the cache
---@field misses integer requests answered by the rules
---@field entries integer cache entries: combinations of values
---@field decisions integer distinct cached decisions
---@field nodes table<string, integer> nodes of the cache, by the kind of field
---@field bytes integer memory of the cache
---@field refused_entries integer not cached: the cache had `rules.remember` entries
---@field refused_children integer not cached: one field had too many values at that node
---@field audits integer hits that were decided again by the rules, to compare
---@field differences integer
---@field difference string? the last difference that an audit found, in any generation: both decisions and their traces
---@field states integer Lua states for rules: one for each thread that asks
---@field rules shunt.rule_statistics[] in load order

---@class shunt.app
local app = {}

---@param options shunt.session_options?
---@return shunt.session
function app:session(options) end

---Clients, instances, models, relations and rules. For each rule: how often it was asked, and how often it decided.
---@return table
function app:describe() end

---The merged configuration as YAML, with secrets hidden.
---@return string
function app:config() end

---The pools: of each client at level 0, and of other levels that were used.
---@return shunt.pool[]
function app:pools() end

---@return shunt.limit[]
function app:limits() end

---Who waits for whom at the moment, in the whole process, the longest wait first. A wait that could never end is not listed: it
---fails with SHUNT_E_CONFLICT when it begins.
---@return shunt.wait[]
function app:waits() end

---Figures of the rules and of the decision cache.
---@return shunt.statistics
function app:statistics() end

---The metrics of the application in the text format of OpenMetrics 1.0.
---@return string
function app:metrics() end

---Calls fn with each statement of all sessions, those of a worker's threads too; nil ends that. Statements wait, at most 1000 of
---them, until the next call of the module, which gives them to fn: so fn may use the application.
---@param fn fun(statement: shunt.observed)?
function app:observe(fn) end

---Reads configuration and rules again. If all is valid, they become the newest generation. Otherwise it raises an error with all
---problems, and nothing changes. A session stays in its generation, unless it was opened with `follow`.
---@return integer generation
function app:reload() end

---With `watch: true` in the app config: the result of the last automatic reload.
---@return boolean ok
---@return shunt.error? problem
function app:watched() end

---The number of the newest generation, from 1.
---@return integer
function app:generation() end

---@alias shunt.severity "debug"|"info"|"warning"|"error"

---What happened on its own, with the fields of its kind: the manual lists them.
---@class shunt.event
---@field kind string "connection.opened", …
---@field severity shunt.severity
---@field time number seconds since 1970
---@field text string one line for people
---@field client string?
---@field level integer? of the client's pool
---@field instance string?
---@field rule string?
---@field job string?
---@field message string? of an error
---@field code shunt.code? of an error
---@field [string] any

---@class shunt.event_options
---@field severity shunt.severity? the least severe events that fn gets; "debug" where it is left out

---Calls fn with each event, after the call of the module in which it happens, or at the next one.
---@param kind string a kind, or the beginning of kinds with a "*"; it may be left out: all kinds
---@param fn fun(event: shunt.event)
---@param options shunt.event_options?
---@return fun() stop ends it
---@overload fun(self: shunt.app, fn: fun(event: shunt.event), options: shunt.event_options?): fun()
function app:on(kind, fn, options) end

---Delivers the events that wait, as every call does.
function app:poll() end

---The prepared parts of transactions over several datasources (spanning = "join"), and the clients that could not be asked: id,
---client, coordinator, participants, decision, ended, age_ms, pid, process, error. With resolve, ends those whose process is gone;
---with an id, that one in any case.
---@param options {resolve: boolean?, id: string?}?
---@return shunt.row[] rows
---@return shunt.meta meta
function app:transactions(options) end

---Closes its sessions and workers, too.
function app:close() end

---Runs jobs in threads of its own, until it is stopped, closed or collected: keep a reference to it. Raises one error with all
---mistakes in the declarations.
---@param options shunt.worker_options?
---@return shunt.worker
function app:worker(options) end

---@class shunt.worker
local worker = {}

---Takes no further jobs, and waits for running ones. After the duration, a running job is stopped at its next use of its session or
---in its wait for another job, and goes back to its queue.
---@param duration shunt.duration? default: no limit
---@return boolean ended whether all jobs have ended
function worker:stop(duration) end

---@return shunt.worker_status
function worker:status() end

---Stops it, and waits for running jobs.
function worker:close() end

---@class shunt.session
local session = {}

---Where an access would go. A denial is in the field `denied`; other problems are raised.
---@param model string? may be nil with a relation
---@param request shunt.request?
---@return shunt.decision
function session:resolve(model, request) end

---The client of such an access alone; or nil, and why it is denied. Other problems are raised.
---@param model string
---@param op "read"|"write"|nil default: "read"
---@return string? client
---@return string? denied
function session:client_of(model, op) end

---@param name string
---@return shunt.model
function session:model(name) end

---@param client string?
---@param sql string with ? for parameters
---@param params shunt.value[]?
---@param options shunt.sql_options?
---@return shunt.row[] rows
---@return shunt.meta meta
function session:query(client, sql, params, options) end

---@param client string?
---@param sql string
---@param params shunt.value[]?
---@param options shunt.sql_options?
---@return integer affected
function session:execute(client, sql, params, options) end

---@param client string?
---@param table string
---@return {name: string, type: string, nullable: boolean, key: integer, unique: string?, equates: string?}[]
function session:columns(client, table) end

---Runs fn with another current datasource, and restores it however fn ends.
---@param client string
---@param fn fun(...): ...
---@param ... any passed to fn
---@return any ... what fn returns
function session:switch_db(client, fn, ...) end

---Runs fn one level up, with the same current datasource, and restores the level however fn ends.
---@param fn fun(...): ...
---@param ... any passed to fn
---@return any ... what fn returns
function session:switch_db_isolate(fn, ...) end

---The current level of the session.
---@return integer
function session:level() end

---fn runs once, after the innermost active transaction commits; at once if none is active.
---@param fn fun(session: shunt.session)
function session:on_commit(fn) end

---fn runs once, after the innermost active transaction or its current savepoint is rolled back.
---@param fn fun(session: shunt.session)
function session:on_rollback(fn) end

---fn runs once, after the session's last open transaction ends, if none was rolled back meanwhile.
---@param fn fun(session: shunt.session)
function session:on_all_commit(fn) end

---Runs fn in a transaction: commits when fn returns, rolls back when it raises.
---@param fn fun(session: shunt.session): ...
---@param options shunt.transaction_options?
---@return any ... what fn returns
function session:transaction(fn, options) end

---Pushes a job for a worker. It runs one level up, in a session with the same instance, attributes and current datasource. In a
---transaction on the queue's datasource it is part of the transaction; in another transaction it is sent after the commit.
---@param job string
---@param data any a value that JSON can hold
---@param options shunt.push_options?
---@return integer? id nil if it is sent after the commit
---@return boolean existed whether a job with the unique key was there already: id is that job, and none was pushed
function session:push(job, data, options) end

---Pushes a job at once and waits for the result of its handler. Raises the error of the job when it has failed finally.
---@param job string
---@param data any
---@param options shunt.push_async_options?
---@return any result
function session:push_async(job, data, options) end

---The jobs in the queues, the newest first: id, queue, name, state, priority, run_at, attempts, retry, unique_key, data, worker, error,
---created_at, finished_at, instance, unique_scope, started_at, result. Times are in ms since 1970. attempts counts those that began, also the one that runs, or that was
---done.
---@param options {id: integer?, queue: string?, instance: string?, state: shunt.job_state?, limit: integer?}?
---@return shunt.row[] rows
---@return shunt.meta meta
function session:jobs(options) end

---Makes dead jobs (all, those of a queue or an instance, or one) ready again, as if they had never failed.
---@param options {id: integer?, queue: string?, instance: string?}?
---@return integer n
function session:jobs_retry(options) end

---Deletes jobs that are done or dead, and ended at least this long ago. With an instance and the state "ready", also its jobs that
---wait.
---@param options {id: integer?, queue: string?, instance: string?, state: "done"|"dead"|"ready"|nil, older: shunt.duration?}?
---@return integer n
function session:jobs_purge(options) end

---Calls fn with each statement after it ran; nil ends that. fn can't use the session. If fn raises, that is reported with Lua's
---`warn()`, and the call's result stands.
---@param fn fun(statement: shunt.statement)?
function session:observe(fn) end

---Closes the session, and rolls back its open transactions.
function session:close() end

---@class shunt.model
local model = {}

---The same model with an explicit client or table.
---@param client string?
---@param table shunt.table?
---@return shunt.model
function model:new_instance(client, table) end

---@param where shunt.where|shunt.value conditions, or the primary key
---@param options shunt.get_options?
---@return shunt.row?
function model:get(where, options) end

---The rows with these primary keys, in this order, without those that do not exist.
---@param ids (shunt.value|table<string, shunt.value>)[] a key of several columns is a table
---@param options shunt.get_options?
---@return shunt.row[] rows
---@return shunt.meta meta
function model:mget(ids, options) end

---@param options shunt.query?
---@return shunt.row[] rows
---@return shunt.meta meta
function model:select(options) end

---The rows one by one, in constant memory: `for row in users:each { order = "id" } do … end`.
---@param options shunt.query?
---@return fun(stream: shunt.stream): shunt.row?
---@return shunt.stream
---@return nil
---@return shunt.stream
function model:each(options) end

---@param options shunt.count_options?
---@return integer
function model:count(options) end

---One row with `count`, `sum_total`, `max_id` and so on; with `group`, a list of rows.
---@param options shunt.aggregation
---@return shunt.row|shunt.row[]
function model:aggregate(options) end

---@param row shunt.row
---@param options shunt.insert?
---@return shunt.row row as the database has it
function model:insert(row, options) end

---@param rows shunt.row[]
---@param options shunt.insert_bulk?
---@return integer|shunt.row[] inserted the number of rows, with on_conflict also of those updated; with returning, the rows in their order
---@return shunt.meta? meta with returning
function model:insert_bulk(rows, options) end

---@param row shunt.row
---@param options shunt.update?
---@return integer affected
function model:update(row, options) end

---Updates each row by its primary key, in few statements. If two have the same key, the later one wins.
---@param rows shunt.row[]
---@param options shunt.update_bulk?
---@return integer affected
function model:update_bulk(rows, options) end

---The database adds the numbers to the columns of the rows, so that no change is lost.
---@param where shunt.where?
---@param numbers table<string, number|string>
---@param options shunt.increment?
---@return integer affected
function model:increment(where, numbers, options) end

---@param where shunt.where?
---@param options shunt.delete?
---@return integer affected
function model:delete(where, options) end

---@class shunt
---@field VERSION string
---@field null shunt.null
local shunt = {}

---@param path string the app config
---@param options shunt.config_options?
---@return shunt.app
function shunt.open(path, options) end

---@param value any
---@return boolean
function shunt.is_error(value) end

---@param bytes string|shunt.blob
---@return shunt.blob
function shunt.blob(bytes) end

---@param value any
---@return boolean
function shunt.is_blob(value) end

---A column of the same row as the right side of a condition: `{ ended = { lt = shunt.column "began" } }`.
---@param name string
---@return shunt.column_name
function shunt.column(name) end

---The same as app:waits().
---@return shunt.wait[]
function shunt.waits() end

---JSON text. Blobs become base64, shunt.null and nil become null. An empty table is a list unless shunt.object marks it.
---@param value any
---@param order string[]|shunt.meta|nil keys that go first; the others are sorted
---@return string
function shunt.json(value, order) end

---@param text string
---@return any
function shunt.json_decode(text) end

---Marks a table as an object in JSON, even if it is empty.
---@generic T: table
---@param t T?
---@return T
function shunt.object(t) end

---@param target string a model
---@param foreign_key shunt.names in the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.has_one(target, foreign_key, options) end

---@param target string
---@param foreign_key shunt.names in the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.has_many(target, foreign_key, options) end

---@param target string
---@param foreign_key shunt.names in the model itself
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.belongs_to(target, foreign_key, options) end

---@param through string the model between
---@param target string
---@param foreign_key shunt.names in through, to the model itself
---@param through_key shunt.names in through, to the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.belongs_to_many(through, target, foreign_key, through_key, options) end

return shunt
