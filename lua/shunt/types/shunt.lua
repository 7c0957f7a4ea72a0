---@meta shunt

---The value of NULL. Not nil, not false: a column that is NULL holds it, and `where = {deleted_at = shunt.null}` means IS NULL.
---@class shunt.null: lightuserdata

---A binary value. Equal to another with the same bytes; `#` and `..` work, `tostring` gives the bytes.
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

---What every function here raises. `tostring` makes a line of it.
---@class shunt.error
---@field code shunt.code
---@field message string what is wrong and what to do
---@field file string? a configuration or rule file
---@field line integer?
---@field column integer?
---@field client string? the datasource it happened on
---@field rule string? the rule that failed or refused
---@field sqlstate string?
---@field engine_code integer? the engine's own code
---@field traceback string? of the rule's Lua code
---@field caller string? the line of the host's Lua code that called, "app.lua:12"
---@field problems shunt.error[]? from shunt.open: every mistake there is
---@field failures any[]? what hooks of a transaction raised, once it had ended
---@field committed boolean? true: it was committed all the same
---@field cause any? what led to its rollback

---@class shunt.config_options
---@field env string? the environment; SHUNT_ENV or "dev" where it is left out

---@class shunt.session_options
---@field instance string? the tenant; the default one where it is left out
---@field attrs table<string, string|number|boolean>? what rules see as req.attrs
---@field level integer? 0 in the foreground, database.maxLevel at most
---@field timeout shunt.duration? of each call of the session; "0s" and left out: none
---@field follow boolean? move to the newest generation at the next call after a reload, outside of transactions

---A whole number and its unit, as in the app config: "500ms", "5s", "2m", "1h".
---@alias shunt.duration string

---@alias shunt.operators {eq: shunt.value?, ne: shunt.value?, gt: shunt.value?, gte: shunt.value?, lt: shunt.value?, lte: shunt.value?, in: shunt.value[]?, not_in: shunt.value[]?, like: string?, between: shunt.value[]?}
---A table of columns; `_or` and `_and` hold a list of conditions, `_not` one.
---@alias shunt.where table<string, shunt.value|shunt.value[]|shunt.operators|table>
---@alias shunt.names string|string[]
---@alias shunt.row table<string, any>

---@class shunt.query_options
---@field columns shunt.names? all where left out
---@field where shunt.where?
---@field order shunt.names? "name" ascending, "-id" descending
---@field limit integer? in an include: for each parent row
---@field offset integer?
---@field client string? the datasource asked for
---@field table string?
---@field include shunt.include? relations to load along
---@field with table<string, shunt.relation>? relations made on the spot

---@class shunt.query: shunt.query_options
---@field timeout shunt.duration? of this call, in place of the session's

---`{orders = true}`, `{orders = {where = …}}`, `{"orders", "orders.lines"}`; `false` leaves out one that loads itself.
---@alias shunt.include string|string[]|table<string, boolean|shunt.query_options>

---@class shunt.aggregation: shunt.query
---@field count boolean|string|string[]? true or "*": of rows
---@field sum shunt.names?
---@field avg shunt.names?
---@field min shunt.names?
---@field max shunt.names?
---@field group shunt.names?

---@class shunt.write
---@field where shunt.where? which rows; without one, an update goes by the row's primary key
---@field all boolean? every row is meant
---@field client string?
---@field table string?
---@field include shunt.include? the relations whose rows are written along
---@field timeout shunt.duration? of this call, in place of the session's

---What a select tells about its rows.
---@class shunt.meta
---@field columns string[]
---@field relations table<string, shunt.meta>
---@field kind shunt.kind? of the relation

---@alias shunt.kind "has_one"|"belongs_to"|"has_many"|"belongs_to_many"

---@class shunt.relation
---@field kind shunt.kind

---@class shunt.relation_options
---@field client string? a client, "_inherit_" (the parent's), "_initial_" or "_auto_"
---@field through_client string?
---@field columns shunt.names?
---@field table string?
---@field where shunt.where?
---@field order shunt.names?
---@field limit integer? for each parent row
---@field key string? the column that the foreign key refers to; the primary key where left out
---@field autoload boolean?
---@field include shunt.include?

---@class shunt.request
---@field op "read"|"write"|nil
---@field client string? asked for in this call
---@field table string?
---@field relation string? "user.orders"
---@field relation_client string?
---@field parent string? the parent's datasource; what the parent model resolves to where left out
---@field current string? the session's where left out
---@field where table<string, shunt.value>?
---@field level integer?
---@field every_rule boolean? trace the rules too whose conditions did not hold

---@class shunt.decision
---@field model string
---@field relation string?
---@field client string? nil where denied
---@field engine "sqlite3"|"pg"|"mysql"|nil
---@field level integer
---@field table string
---@field op "read"|"write"
---@field role "primary"|"replica"
---@field rule string the rule that chose or denied
---@field source string "rules/residency.lua:3"
---@field generation integer
---@field pinned_by "transaction"|"job"|nil what holds it: a transaction in force there; else the job of the session
---@field denied string? why
---@field uncacheable string? why
---@field remembered boolean no rule was asked
---@field not_remembered string? why it won't be the next time either
---@field depends_on string[]
---@field trace {stage: string, rule: string, source: string, result: string}[]

---@class shunt.statement
---@field client string
---@field level integer
---@field sql string
---@field params shunt.value[]
---@field rows integer read
---@field affected integer written
---@field duration_ns integer
---@field code shunt.code? where it failed

---@alias shunt.propagation
---| "REQUIRED" # joins one in force there, or begins one
---| "SUPPORTS" # joins one, or runs without
---| "MANDATORY" # joins one, or is refused
---| "NEVER" # is refused where one is in force
---| "NESTED" # is a savepoint in one, or begins one
---| "REQUIRES_NEW" # goes a level up and begins its own
---| "NOT_SUPPORTED" # goes a level up and runs without

---@class shunt.transaction_options
---@field client string? the session's current datasource where left out
---@field propagation shunt.propagation? "REQUIRED" where left out
---@field isolation "read uncommitted"|"read committed"|"repeatable read"|"serializable"|nil the engine's own where left out
---@field read_only boolean?
---@field spanning "run"|"error"|nil what becomes of accesses that go elsewhere: they run outside of it, or are refused
---@field retry integer? how often fn is called again where the engine gave the transaction up for another one's sake

---On top of what the job's declaration says.
---@class shunt.push_options
---@field delay shunt.duration? before it is due
---@field priority integer? lower goes first; 0 where nobody says
---@field unique string? while a job of the queue with this key waits or runs, no other is pushed
---@field queue string?
---@field retry integer? how often it is tried again after failures

---@class shunt.push_async_options: shunt.push_options
---@field timeout shunt.duration? of the wait, in place of the session's

---What a handler is told about its job.
---@class shunt.job_info
---@field id integer
---@field name string
---@field queue string
---@field attempt integer from 1

---@class shunt.worker_options
---@field queues shunt.names? all where left out
---@field concurrency integer? how many jobs run at once, each in a thread and a Lua state of its own; 4 where left out
---@field lease shunt.duration? in place of the app config's `jobs.lease`
---@field drain boolean? end as soon as none is due; nothing that is scheduled is pushed

---@class shunt.worker_status
---@field threads integer that have not ended
---@field running integer jobs
---@field completed integer
---@field failed integer
---@field problem shunt.error? what kept a thread from its work the last time

---@alias shunt.job_state "ready"|"running"|"done"|"dead"

---@class shunt.sql_options
---@field timeout shunt.duration? of this call, in place of the session's

---The connections of a client at a level. What is counted is counted since the application was opened.
---@class shunt.pool
---@field client string
---@field level integer
---@field open integer connections there are, busy or idle, and those being opened
---@field busy integer those of them that are not idle
---@field waiting integer callers in the queue
---@field max integer
---@field acquired integer how often a caller got one
---@field opened integer connections made
---@field closed integer for being broken, idle for too long, past their lifetime
---@field failed integer attempts to connect that failed
---@field timeouts integer callers that none came free for in time
---@field waited_ms integer all the time that callers have waited
---@field circuit_open boolean the client is taken to be down
---@field retry_ms integer until the next attempt to connect to it

---Somebody who waits right now: for a connection, for a file's lock, or for a job's end.
---@class shunt.wait
---@field waiter string "session 3 (instance 'acme')", "job 'mail' 42"
---@field client string? whose connections are all busy, or who can't write to its file
---@field level integer? of that client
---@field file string? that is locked
---@field job string? "job 'mail' 42"
---@field holders string[] who holds the connections, has locked the file or runs the job, where that is known
---@field waited_ms integer

---Of one rule. What was remembered counts as if it had been asked.
---@class shunt.rule_statistics
---@field name string
---@field stage string
---@field source string
---@field asked integer its conditions held
---@field selected integer it named or changed the client, table or level
---@field passed integer it had no opinion, or allowed
---@field denied integer
---@field failed integer
---@field timed integer how often its time was taken
---@field timed_ns integer what these times come to

---Of the newest generation, counted since it was loaded.
---@class shunt.statistics
---@field generation integer
---@field remembers boolean false with `rules.remember: 0`, and after a difference
---@field hits integer requests answered by what was remembered
---@field misses integer those that the rules were asked for
---@field entries integer combinations of values that are remembered
---@field decisions integer what they come to
---@field nodes table<string, integer> made for them, by what they look at
---@field bytes integer of all that
---@field refused_entries integer not remembered: `rules.remember` of them were there
---@field refused_children integer not remembered: one field had too many values at that place
---@field audits integer hits that the rules were asked about all the same
---@field differences integer
---@field difference string? the last one that an audit found, in any generation: both decisions and the way to them
---@field states integer rule states, of which a thread that asks has one
---@field rules shunt.rule_statistics[] in load order

---@class shunt.app
local app = {}

---@param options shunt.session_options?
---@return shunt.session
function app:session(options) end

---Clients, instances, models, relations and rules, with how often each rule was asked and decided.
---@return table
function app:describe() end

---The merged configuration as YAML, secrets hidden.
---@return string
function app:config() end

---What each pool holds and has done: every client's at level 0, and those of other levels that were used.
---@return shunt.pool[]
function app:pools() end

---Who waits for whom right now, in all of the process, whoever has waited for longest first. A wait that could never end
---is not among them: it fails with SHUNT_E_CONFLICT when it begins.
---@return shunt.wait[]
function app:waits() end

---What the rules did, and what is remembered of them.
---@return shunt.statistics
function app:statistics() end

--- Reads configuration and rules again. Where all of it is right it is the newest generation from then on; else an error is raised,
--- with its problems, and nothing has changed. Sessions end in the generation they began in, but for those that follow.
---@return integer generation
function app:reload() end

--- With `watch: true` in the app config: what came of the last reload that a changed file led to.
---@return boolean ok
---@return shunt.error? problem
function app:watched() end

--- The number of the newest generation, from 1.
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

---Closes its sessions too.
function app:close() end

---Runs jobs in threads of its own until it is stopped, closed or collected; so keep it. Raises all the mistakes there are in the
---declarations.
---@param options shunt.worker_options?
---@return shunt.worker
function app:worker(options) end

---@class shunt.worker
local worker = {}

---No further jobs are taken, and those that run are waited for. After the duration those that still run are broken off when they next
---use their sessions, or in a wait for another job, and go back to their queues.
---@param duration shunt.duration? as long as it takes where left out
---@return boolean ended everything that ran
function worker:stop(duration) end

---@return shunt.worker_status
function worker:status() end

---Stops it, and waits for what runs.
function worker:close() end

---@class shunt.session
local session = {}

---Where an access would go. A denial is told in `denied`; other mistakes are raised.
---@param model string? may be nil where a relation is given
---@param request shunt.request?
---@return shunt.decision
function session:resolve(model, request) end

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
---@return {name: string, type: string, nullable: boolean, key: boolean}[]
function session:columns(client, table) end

---Runs fn with another current datasource. It is as before again after every way out.
---@param client string
---@param fn fun(...): ...
---@param ... any passed to fn
---@return any ... what fn returns
function session:switch_db(client, fn, ...) end

---Runs fn one level up, with the same current datasource. It is as before again after every way out.
---@param fn fun(...): ...
---@param ... any passed to fn
---@return any ... what fn returns
function session:switch_db_isolate(fn, ...) end

---The level that it is at.
---@return integer
function session:level() end

---fn runs once, after the innermost transaction in force is committed; at once where there is none.
---@param fn fun(session: shunt.session)
function session:on_commit(fn) end

---fn runs once, after the innermost transaction in force, or the part of it that this is in, is rolled back.
---@param fn fun(session: shunt.session)
function session:on_rollback(fn) end

---fn runs once no transaction of the session is open any more, where none was rolled back.
---@param fn fun(session: shunt.session)
function session:on_all_commit(fn) end

---Commits when fn returns, rolls back when it raises.
---@param fn fun(session: shunt.session): ...
---@param options shunt.transaction_options?
---@return any ... what fn returns
function session:transaction(fn, options) end

---Pushes a job for a worker: it runs in a session with this one's instance, attributes and current datasource, one level up. In a
---transaction on the queue's datasource it commits with that; in one elsewhere it is sent after the commit.
---@param job string
---@param data any what JSON can hold
---@param options shunt.push_options?
---@return integer? id nil where it is sent only after a commit
function session:push(job, data, options) end

---The same, sent at once, and waits for what the handler returns. Where the job has failed for good, its error is raised.
---@param job string
---@param data any
---@param options shunt.push_async_options?
---@return any result
function session:push_async(job, data, options) end

---What is in the queues, the newest first: id, queue, name, state, priority, run_at, attempts, retry, unique_key, data, worker, error,
---created_at, finished_at. Times are in ms since 1970.
---@param options {queue: string?, state: shunt.job_state?, limit: integer?}?
---@return shunt.row[] rows
---@return shunt.meta meta
function session:jobs(options) end

---Dead jobs (all, those of a queue, or one) are ready again as if they had never failed.
---@param options {queue: string?, id: integer?}?
---@return integer n
function session:jobs_retry(options) end

---Deletes jobs that are done or dead, and have been for so long.
---@param options {queue: string?, state: "done"|"dead"|nil, older: shunt.duration?}?
---@return integer n
function session:jobs_purge(options) end

---fn is told of each statement after it ran; nil ends that. It can't use the session.
---@param fn fun(statement: shunt.statement)?
function session:observe(fn) end

---Rolls back what is open.
function session:close() end

---@class shunt.model
local model = {}

---The same model, asked for on a client or a table.
---@param client string?
---@param table string?
---@return shunt.model
function model:new_instance(client, table) end

---@param where shunt.where|shunt.value conditions, or the primary key
---@param options shunt.query?
---@return shunt.row?
function model:get(where, options) end

---The rows with these primary keys, in their order; one that is not there is left out.
---@param ids shunt.value[]
---@param options shunt.query?
---@return shunt.row[] rows
---@return shunt.meta meta
function model:mget(ids, options) end

---@param options shunt.query?
---@return shunt.row[] rows
---@return shunt.meta meta
function model:select(options) end

---@param options shunt.query?
---@return integer
function model:count(options) end

---`count`, `sum_total`, `max_id` and so on: one row, or with `group` a list of them.
---@param options shunt.aggregation
---@return shunt.row|shunt.row[]
function model:aggregate(options) end

---@param row shunt.row
---@param options shunt.write?
---@return shunt.row row as the database has it now
function model:insert(row, options) end

---@param rows shunt.row[]
---@param options shunt.write?
---@return integer inserted
function model:insert_bulk(rows, options) end

---@param row shunt.row
---@param options shunt.write?
---@return integer affected
function model:update(row, options) end

---@param where shunt.where?
---@param options shunt.write?
---@return integer affected
function model:delete(where, options) end

---@class shunt
---@field VERSION string
---@field null shunt.null
local shunt = {}

---@param path string of the app config
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

---What app:waits() tells.
---@return shunt.wait[]
function shunt.waits() end

---JSON text. Blobs are base64, shunt.null and nil null; an empty table is a list unless marked by shunt.object.
---@param value any
---@param order string[]|shunt.meta|nil keys that go first; the others are sorted
---@return string
function shunt.json(value, order) end

---@param text string
---@return any
function shunt.json_decode(text) end

---Marks a table as an object in JSON though it be empty.
---@generic T: table
---@param t T?
---@return T
function shunt.object(t) end

---@param target string a model
---@param foreign_key string in the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.has_one(target, foreign_key, options) end

---@param target string
---@param foreign_key string in the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.has_many(target, foreign_key, options) end

---@param target string
---@param foreign_key string in the model itself
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.belongs_to(target, foreign_key, options) end

---@param through string the model between
---@param target string
---@param foreign_key string in through, to the model itself
---@param through_key string in through, to the target
---@param options shunt.relation_options?
---@return shunt.relation
function shunt.belongs_to_many(through, target, foreign_key, through_key, options) end

return shunt
