--- The commands of shunt and their flags, declared once: the parser and --help, the completions, the manual page and the
--- table in the manual come from here. lua/shunt/cli/NAME.lua runs the command NAME.
local commands = {}

---@class shunt.cli.flag
---@field [1] string its name: "--relation", or "-c --config"
---@field [2] string? what its value is called; false for a flag without a value
---@field [3] string what it does
---@field complete string|string[]? its values: words, or "clients", "environments", "files", …: see complete.lua
---@field choices string[]? all values there are
---@field default string? the value if none of the choices follows: it may be left out
---@field many boolean? it may be given more than once
---@field alternative_of string? the flag whose conditions it is an alternative to
---@field negative string? a pattern of values that begin with a minus

---@class shunt.cli.argument
---@field [1] string what it is called: "MODEL"
---@field [2] string what it is
---@field args string? "?" if it may be left out, "*" if there may be any number
---@field complete string?
---@field complete_of table<string, string>? the same for single actions
---@field choices string[]?
---@field target string? the name of its value, if it is not the one in lower case

---@class shunt.cli.command
---@field name string
---@field alias string? a second name
---@field summary string one sentence
---@field details string? what the manual page says beyond the summary
---@field arguments shunt.cli.argument[]
---@field flags shunt.cli.flag[]
---@field without_config boolean? it opens no application, and takes neither -c nor --env
---@field rest boolean? what follows its first argument is not parsed: it belongs to the program that it runs
---@field hands_on boolean? what follows -- is not parsed: it belongs to the program that it runs
---@field in_place string? the flag that stands in place of that first argument
---@field hidden boolean?
---@field takes table<string, string[]>? of an action, the flags and arguments that not every action takes

commands.summary = "resolve, explain, query, check, test and measure routing rules, and run jobs"

commands.description = {
  "shunt hosts routing rules written in Lua. For each access to a model or a relation, the rules decide which datasource, table "
    .. "and connection-pool level it goes to. Datasources are SQLite files and databases of PostgreSQL, MySQL and MariaDB. The "
    .. "command shows these decisions and how they came about, reads rows, checks an application, runs its specs and jobs, and "
    .. "measures it.",
  "Output is meant for people on a terminal; it is plain text in a pipe. With --json it is meant for programs: one JSON object "
    .. "on a line, with its keys in a fixed order. Errors go to standard error.",
}

local MODES = { "_inherit_", "_initial_", "_auto_" }

commands.config = {
  { "-c --config", "FILE", "The app config, or the folder of a shunt.yaml. Default: shunt.yaml in the working folder.",
    complete = "files" },
  { "--env", "NAME", "The environment, which selects the overlay shunt.NAME.yaml. Default: SHUNT_ENV, or dev if that is not "
    .. "set. A name other than dev, test and prod needs its overlay.", complete = "environments" },
  { "--log", "SEVERITY", "Print events of this severity and above on standard error: connections, slow statements and rules, "
    .. "reloads, jobs that fail; with --json as JSON lines. Default: info.", choices = { "debug", "info", "warning", "error" },
    default = "info" },
}

local INSTANCE = { "--instance", "I", "The session's instance.", complete = "instances" }
local LEVEL = { "--level", "N", "The session's level. Default: 0.", negative = "^%-%d" }
local ATTR = { "--attr", "k=v", "An attribute of the session: a number, true, false or null if it looks like it, otherwise a text; a text "
  .. "in quotes is one whatever it looks like.", many = true }
local TIMEOUT = { "--timeout", "T", "Cancel the statement after this time, as in 500ms or 2s. Default: no limit." }

--- What describes an access. Some flags differ for reads alone.
local function request_flags(reads_only)
  local flags = {
    { "--relation", "P.R", "The access follows the relation R of the model P, as in user.orders.", complete = "relations" },
    { "--relation-client", "C", "The client given with the call: a name, _inherit_, _initial_ or _auto_.",
      complete = { "clients", table.unpack(MODES) } },
    INSTANCE,
    { "--client", "C", "The client that the call asks for explicitly.", complete = "clients" },
    { "--current", "C", "The datasource that the session was switched to.", complete = "clients" },
    { "--parent", "C", "The datasource of the relation's parent. Default: where the parent model resolves to.",
      complete = "clients" },
    { "--op", reads_only and "read" or "read|write", "Whether it reads or writes. Default: read.",
      choices = reads_only and { "read" } or { "read", "write" } },
    LEVEL,
    { "--where", "c=v", reads_only and "A condition on a column: c=v, or one of != > >= < <= ~ (like) in place of =, or \"c in 1,2\", "
      .. "or \"c not in 1,2\". Or any where as a JSON object, such as {\"name\": {\"contains\": \"x\"}}."
      or "A column and the value that the access compares it with. Numbers, true, false and null are such values; any other "
      .. "value is text, and so is one in quotes, as in c='\"7\"'.", many = true },
    ATTR,
  }
  if reads_only then
    table.insert(flags, #flags, { "--or", "c=v", "An alternative to the conditions before it; those that follow belong to it. So "
      .. "\"--where a=1 --where b=2 --or c=3\" means: a=1 and b=2, or c=3.", many = true, alternative_of = "where" })
  end
  if not reads_only then table.insert(flags, 1, { "--no-model", false, "The access is SQL that names no model." }) end
  return flags
end

local FORMAT = { "--format", "table|expanded|csv|json", "How rows are printed: as a table, with a line for each column, as CSV "
  .. "(null is empty, and an empty text is in quotes), or as JSON lines. Default: table.",
  choices = { "table", "expanded", "csv", "json" } }
local JSON = { "--json", false, "The same as --format json." }

local MODEL = { "MODEL", "The model. With --relation it may be left out: it is the relation's target.", args = "?",
  complete = "models" }

local function with(list, ...)
  for _, flag in ipairs { ... } do list[#list + 1] = flag end
  return list
end

commands.list = {
  {
    name = "init", summary = "Make a small application that works at once, on SQLite.", without_config = true,
    details = "It writes the configuration, an overlay for tests, rules, a job, a spec, data in SQLite files and editor support "
      .. "for the Lua language server, and prints the next steps. On PostgreSQL, MySQL and MariaDB it writes the same files, and "
      .. "asks no server: the variable DATABASE_URL names the database, and seed.lua fills it.",
    arguments = { { "DIR", "A folder that is empty or does not exist yet.", complete = "folders" } },
    flags = {
      { "--engine", "sqlite3|pg|mysql", "The engine of its datasources. Default: sqlite3.", choices = { "sqlite3", "pg", "mysql" } },
    },
  },
  {
    name = "resolve", summary = "Show where an access goes, and by which rule.", arguments = { MODEL },
    flags = with(request_flags(false), { "--json", false, "Print the decision as one JSON object." }),
  },
  {
    name = "explain", summary = "Show how a decision comes about, rule by rule.", arguments = { MODEL },
    details = "It prints each rule with its place and result, the fields that the decision depends on, whether the decision is "
      .. "cached, and which single changes of a field would lead elsewhere. Each change it prints was tried: for columns and "
      .. "attributes with values that the rule files mention beside them, and a few others.",
    flags = with(request_flags(false),
      { "--all", false, "Name every rule whose conditions did not hold, however many there are." },
      { "--json", false, "Print the decision as one JSON object, with the changes that would lead elsewhere." }),
  },
  {
    name = "query", summary = "Print rows of a model, with relations on any datasource.", arguments = { MODEL },
    details = "Rows are printed as a table, related rows indented, or as JSON lines. In JSON, a relation's name holds an array, "
      .. "an object or null.",
    flags = with(request_flags(true),
      { "--include", "a,a.b", "Relations to load with the rows; a:count counts them, a:link shows their links.", many = true },
      { "--columns", "a,b", "Columns to read. Default: all.", many = true },
      { "--distinct", false, "Print rows that are equal in --columns once." },
      { "--order", "a,-b", "Columns to sort by; a minus means descending. Nulls count as the least, unless nulls first or nulls "
        .. "last follows, as in \"due nulls last\". author.name is a column of the row that a relation leads to.", many = true, negative = "^%-[^-]" },
      { "--limit", "N", "The highest number of rows.", negative = "^%-%d" },
      { "--offset", "N", "The number of rows to skip.", negative = "^%-%d" },
      { "--deleted", false, "Read rows that the model's soft_delete marks as deleted, too." },
      TIMEOUT,
      { "--sql", false, "Show each statement with its datasource before the rows; with CSV and JSON, on standard error." },
      FORMAT, JSON),
  },
  {
    name = "sql", summary = "Run an SQL statement on a client, and print its rows.",
    details = "It is one statement of the engine's SQL, with ? for each value. Without rows it prints how many were written. The "
      .. "guards are asked first: one that denies ends it with status 1. An instance does not filter the rows of such a statement. A "
      .. "value that begins with a minus stands behind --.",
    arguments = {
      { "CLIENT", "The client, or default.", complete = "clients" },
      { "SQL", "The statement; - reads it from standard input." },
      { "VALUES", "The values for ?: numbers, true, false or null if they look like it, otherwise texts; a text in quotes, as JSON "
        .. "writes it, is one whatever it looks like.", args = "*" },
    },
    flags = { INSTANCE, LEVEL, ATTR,
      { "--op", "read|write", "What the guards see, and whether the statement may write. Default: as the statement shows.",
        choices = { "read", "write" } },
      TIMEOUT, FORMAT, JSON },
  },
  {
    name = "check", summary = "Check configuration, rules and jobs; report what leaves an isolated instance.", arguments = {},
    details = "Without connecting, it finds accesses that can't be decided, conditions that name something that does not exist, "
      .. "rules whose conditions can never hold, and paths on which an isolated instance leaves its own datasource with values that "
      .. "the rules hold. It says how many requests it tried, and of which fields there are more values or combinations.",
    flags = {
      { "--strict", false, "Fail on warnings and isolation leaks too." },
      { "--online", false, "Also connect to every datasource, and compare its tables and columns with the models." },
      { "--json", false, "Print one JSON object." },
    },
  },
  {
    name = "topology", summary = "Show clients, models, instances and the relations that cross datasources.", arguments = {},
    flags = {
      { "--format", "text|json|dot|mermaid", "The output format. Default: text.", choices = { "text", "json", "dot", "mermaid" } },
      { "--json", false, "The same as --format json." },
    },
  },
  {
    name = "config", summary = "Print the merged configuration as YAML, with secrets hidden.", arguments = {},
    flags = {
      { "--defaults", false, "Print every setting with its default, as YAML with comments, and read no configuration." },
      { "--schema", false, "Print the JSON Schema of the app config, for editors, and read no configuration." },
      { "--man", false, "Print the manual page of the app config, shunt.yaml(5), and read no configuration." },
    },
  },
  {
    name = "test", summary = "Run the application's busted specs, and show the rule coverage.", hands_on = true,
    details = "The environment is test unless --env or SHUNT_ENV names another. Afterwards it prints how many of the "
      .. "application's rules decided at least once: on standard error if the output is not one of busted's two for terminals. It "
      .. "requires busted. What follows -- are options of busted, as in: shunt test -- --shuffle --repeat=3.",
    arguments = { { "PATHS", "Spec files or folders. Default: spec/ beside the app config.", args = "*", complete = "files" } },
    flags = {
      { "--filter", "PATTERN", "Run only tests whose names match this Lua pattern.", many = true },
      { "--output", "LIBRARY", "busted's output handler: TAP, json, gtest, … Default: busted's own.",
        complete = { "gtest", "json", "junit", "plainTerminal", "TAP", "utfTerminal" } },
      { "--coverage", "FILE", "Also write the rule coverage to this file, as JSON or HTML by its name: .json or .html.", many = true,
        complete = "files" },
      { "--min-coverage", "PERCENT", "Fail if fewer of the rules decided." },
      { "--watch", false, "Run the specs again after each change below the folder of the app config and of PATHS, until Ctrl-C." },
    },
  },
  {
    name = "run", summary = "Run a Lua program in which require \"shunt\" works.", rest = true, in_place = "-e --execute",
    details = "Write -c and --env before the script: shunt.open takes them if the program names no others. What follows the script "
      .. "belongs to the script.",
    arguments = {
      { "SCRIPT.lua", "The program; - reads it from standard input.", args = "?", complete = "files" },
      { "ARGS", "Its arguments, in `arg` and `...`.", args = "*", complete = "files" },
    },
    flags = {
      { "-e --execute", "CODE", "Run this Lua code in place of a script. ARGS follow it, behind -- if the first begins with a minus.", many = true },
    },
  },
  {
    name = "console", alias = "repl", summary = "Open a Lua prompt on the application.", arguments = {},
    details = "Each line is Lua, with session, app and shunt, and its values are printed: rows as a table. A line that begins with a dot "
      .. "is a command: .resolve, .explain, .query, .check, .topology and .jobs are those of shunt, for this session; .sql runs a "
      .. "statement or shows statements, .session opens another session, .reload loads configuration and rules again, .timing shows "
      .. "times, and .help lists all. No error ends it; Ctrl-C stops what runs, Ctrl-D ends it. On a terminal, lines can be edited, Tab "
      .. "completes commands, flags, models, columns, clients, instances and fields, and the lines are kept in ~/.shunt_history.",
    flags = { INSTANCE, LEVEL, ATTR },
  },
  {
    name = "worker", summary = "Run jobs until SIGTERM or SIGINT.", arguments = {},
    details = "It runs the jobs that jobs.path in the configuration declares, each in a thread with a Lua state of its own, and "
      .. "pushes those that are scheduled: once, however many workers there are. After the first signal it takes no further "
      .. "jobs, waits for those that run, and ends. A second signal ends it at once; other workers run its jobs again.\n\n"
      .. "It prints a line for each job that starts, ends, fails, or is left to others because its tenant, or a model, relation, client or attribute "
      .. "that it needs, is not known here; and for each that is taken over from a worker that was killed. Jobs that are not "
      .. "declared here are not taken.",
    flags = {
      { "--queue", "Q", "Run only jobs of this queue. Default: all queues.", many = true },
      { "--concurrency", "N", "How many jobs run at once. Default: 4." },
      { "--once", false, "End as soon as no job is due; push no scheduled jobs." },
      { "--metrics", "ADDRESS", "Serve metrics by HTTP at HOST:PORT, under /metrics, in the format of OpenMetrics. Port 0: a free one." },
      { "--json", false, "Print JSON lines; with --log, events too." },
    },
  },
  {
    name = "jobs", summary = "List, show and push jobs, retry dead ones, delete old ones.",
    arguments = {
      { "ACTION", "list: print jobs, the newest first. show: print everything about one job. push: push a job. retry: make dead jobs "
        .. "ready again, as if they had never failed. purge: delete jobs that are done or dead.",
        choices = { "list", "show", "push", "retry", "purge" } },
      { "ID", "show: this job. retry: only this job; default: every dead job. push: the name of the job.", args = "?",
        complete_of = { push = "jobs" } },
      { "DATA", "push: its data, as JSON. Default: null.", args = "?" },
    },
    flags = {
      { "--queue", "Q", "Only jobs of this queue. push: the queue." },
      { "--instance", "I", "Only jobs of this instance. push: the instance that the job runs for.", complete = "instances" },
      { "--state", "STATE", "list: only jobs in this state. purge: only jobs that are done, or that are dead; with --instance, also "
        .. "the ready jobs of that instance. Default: all.",
        choices = { "ready", "running", "done", "dead" } },
      { "--older", "T", "purge: only jobs that ended at least this long ago, as in 90m or 24h." },
      { "--limit", "N", "list: the highest number of jobs; 0: all. Default: 50." },
      { "--delay", "T", "push: the time until it is due, as in 90s." },
      { "--unique", "KEY", "push: push nothing, and print the job that has the key, "
        .. "while a job of this name, instance and queue with this key is ready or running." },
      { "--json", false, "Print JSON." },
    },
    takes = { list = { "--queue", "--instance", "--state", "--limit" }, show = { "ID" },
      push = { "ID", "DATA", "--queue", "--instance", "--delay", "--unique" }, retry = { "ID", "--queue", "--instance" },
      purge = { "--queue", "--instance", "--state", "--older" } },
  },
  {
    name = "transactions", summary = "List and resolve transactions over several datasources that a crash has left prepared.",
    details = "They hold locks until they are resolved. An application with database.spanning: join does that in the background "
      .. "when it opens.",
    arguments = {
      { "ACTION", "list: print the prepared parts, and what was decided. resolve: commit or roll back those whose process is gone.",
        choices = { "list", "resolve" } },
      { "ID", "resolve: this transaction, even if its process may still be committing it, which then fails.", args = "?" },
    },
    flags = { { "--json", false, "Print JSON." } },
    takes = { list = {}, resolve = { "ID" } },
  },
  {
    name = "bench", summary = "Measure on this machine what decisions and reads cost.", arguments = {},
    details = "For every model, relation and instance of the application it measures decisions from the rules and from the "
      .. "cache; on each datasource that answers it measures reading a row by its key and reading ten rows. The times include "
      .. "the Lua module. Then it prints what the cache holds, and which rules take longest. It writes nothing.",
    flags = {
      { "--model", "MODEL", "Only this model and its relations. Default: all.", complete = "models" },
      { "--seconds", "N", "How long to measure, roughly. Default: 2." },
      { "--json", false, "Print the figures as one JSON object, with times in nanoseconds." },
    },
  },
  {
    name = "completion", summary = "Print the completion script of a shell.", without_config = true,
    details = "For bash: source <(shunt completion bash). For zsh: put the output into a file _shunt in a folder of $fpath. For "
      .. "fish: shunt completion fish | source.",
    arguments = { { "SHELL", "bash, zsh or fish.", choices = { "bash", "zsh", "fish" } } }, flags = {},
  },
  {
    name = "help", summary = "Show help for a command.", without_config = true,
    arguments = { { "COMMAND", "The command. Default: the program itself.", args = "?", complete = "commands", target = "topic" } },
    flags = { { "--man", false, "Print the manual page, shunt(1)." } },
  },
  {
    name = "complete", summary = "Print what may stand at the end of a command line; for completion scripts.", hidden = true,
    rest = true, without_config = true, arguments = { { "WORDS", "The words after shunt.", args = "*" } }, flags = {},
  },
}

commands.version = { "--version", false, "Show the version and exit." }
commands.help = { "-h --help", false, "Show this help and exit." }

commands.exit_status = {
  { 0, "Done." },
  { 1, "A check or a spec failed, a guard denied the access, a program that was run failed, or the output could not be written." },
  { 2, "Wrong usage, including unknown names on the command line." },
  { 3, "The configuration or the rules don't load (each mistake is printed as FILE:LINE:COLUMN: message), or a rule failed." },
  { 4, "A datasource failed." },
}

commands.environment = {
  { "SHUNT_ENV", "The environment, if --env is not given." },
  { "SHUNT_APP", "The app config that require \"shunt.busted\" opens when specs run under plain busted." },
  { "SHUNT_HISTORY", "The file with the lines of shunt console; empty: none is kept. Default: ~/.shunt_history." },
  { "NO_COLOR", "No colours, if it is set and not empty." },
}

commands.files = {
  { "shunt.yaml", "The app config." },
  { "shunt.ENV.yaml", "The overlay for an environment." },
  { "rules/*.lua", "Models, relations and rules." },
  { "jobs/*.lua", "Jobs." },
  { "jobs.db", "The queue, if the configuration names no other place." },
  { "spec/*_spec.lua", "Specs for busted." },
}

commands.examples = {
  "shunt init shop",
  "shunt query user --include orders --sql -c shop/shunt.yaml",
  "shunt explain order --instance acme -c shop/shunt.yaml",
  "shunt test -c shop/shunt.yaml",
}

commands.by_name = {}
for _, command in ipairs(commands.list) do
  commands.by_name[command.name] = command
  if command.alias then commands.by_name[command.alias] = command end
end

--- All flags of a command, in the order of its help.
---@return shunt.cli.flag[]
function commands.flags(command)
  local list = table.move(command.flags, 1, #command.flags, 1, {})
  if not command.without_config then table.move(commands.config, 1, #commands.config, #list + 1, list) end
  list[#list + 1] = commands.help
  return list
end

return commands
