--- A strict reader of the text format of OpenMetrics 1.0: it fails on anything that the specification does not allow.
--- Use: local metrics = OpenMetrics.read(app:metrics()); metrics:value("shunt_reloads_total", { outcome = "done" })

local M = {}

local ESCAPED = { ["\\\\"] = "\\", ['\\"'] = '"', ["\\n"] = "\n" }

---@class Metrics
---@field samples table<string, table> values by name and labels
---@field lists table<string, table[]> by name: {labels, value}
local Metrics = {}
Metrics.__index = Metrics

local function fail(line, why) error(("%s: %s"):format(why, line), 0) end

local function key_of(name, labels)
  local parts = {}
  for label, value in pairs(labels) do parts[#parts + 1] = ("%s=%q"):format(label, value) end
  table.sort(parts)
  return name .. "{" .. table.concat(parts, ",") .. "}"
end

--- {a="x",b="y"} at position at; the labels, and the position behind them.
local function read_labels(line, at)
  local labels, first = {}, true
  if line:sub(at, at) ~= "{" then return labels, at end
  at = at + 1
  while line:sub(at, at) ~= "}" do
    if not first then
      if line:sub(at, at) ~= "," then fail(line, "no comma between labels") end
      at = at + 1
    end
    local name, quote = line:match('^([%a_][%w_]*)="()', at)
    if not name then fail(line, "no label") end
    if labels[name] then fail(line, "a label twice") end
    local value
    at, value = quote, {}
    while line:sub(at, at) ~= '"' do
      local part = line:match('^[^\\"]+', at)
      local escaped = not part and line:sub(at, at + 1)
      if escaped and not ESCAPED[escaped] then fail(line, "not an escaped character") end
      value[#value + 1] = part or ESCAPED[escaped]
      at = at + #(part or escaped)
    end
    labels[name], first, at = table.concat(value), false, at + 1
  end
  if first then fail(line, "braces without labels") end
  return labels, at + 1
end

local function read_sample(line)
  local name, at = line:match "^([%a_:][%w_:]*)()"
  if not name then fail(line, "no name") end
  local labels, behind = read_labels(line, at)
  local number = line:sub(behind):match "^ (%-?%d+%.?%d*[eE]?[+-]?%d*)$" or line:sub(behind):match "^ (%+Inf)$"
  if not number then fail(line, "no number") end
  return name, labels, number == "+Inf" and math.huge or assert(tonumber(number))
end

local SUFFIXES = {
  counter = { _total = true, _created = true },
  gauge = { [""] = true },
  histogram = { _bucket = true, _count = true, _sum = true, _created = true },
}

local function check_value(family, suffix, labels, value, line)
  if (labels.le ~= nil) ~= (suffix == "_bucket") then fail(line, "the label le belongs to buckets") end
  if family.type ~= "gauge" and value < 0 then fail(line, "it must not be negative") end
  if suffix == "_bucket" or suffix == "_count" then
    if math.type(value) ~= "integer" then fail(line, "a count must be a whole number") end
  end
end

--- The buckets of one set of labels follow one another, their bounds and counts go up, and the last one is everything.
local function check_histogram(family, suffix, labels, value, line)
  local open = family.open
  if suffix == "_bucket" then
    local le = labels.le == "+Inf" and math.huge or tonumber(labels.le)
    if not le then fail(line, "le is no number") end
    labels.le = nil
    local key = key_of("", labels)
    family.open = open or { key = key, le = -math.huge, n = 0 }
    open = family.open
    if open.key ~= key then fail(line, "the buckets before have no end") end
    if le <= open.le or value < open.n then fail(line, "a bucket goes back") end
    open.le, open.n = le, value
    labels.le = tostring(le)
    return
  end
  if not open or open.key ~= key_of("", labels) or open.le ~= math.huge then fail(line, "not behind its last bucket") end
  if suffix == "_count" and value ~= open.n then fail(line, "it is not the count of the last bucket") end
  open[suffix] = true
  if open._count and open._sum then family.open = nil end
end

---@param text string
---@return Metrics
function M.read(text)
  assert(utf8.len(text), "it is not UTF-8")
  assert(text:sub(-6) == "# EOF\n", "it does not end in # EOF")
  local self = setmetatable({ samples = {}, lists = {}, families = {} }, Metrics)
  local family
  for line in text:sub(1, -7):gmatch "([^\n]*)\n" do
    local word, name, rest = line:match "^# (%u+) ([%a_:][%w_:]*) (.*)$"
    if word then
      if not family or family.name ~= name then
        if self.families[name] then fail(line, "a family in two parts") end
        if family and family.open then fail(line, "a histogram without an end") end
        family = { name = name }
        self.families[name] = family
      end
      local at = word:lower()
      if family[at] or family.sampled then fail(line, "too late") end
      if word == "TYPE" and not SUFFIXES[rest] then fail(line, "unknown type") end
      if word == "UNIT" and name:sub(-#rest - 1) ~= "_" .. rest then fail(line, "the name does not end in the unit") end
      if word ~= "TYPE" and word ~= "UNIT" and word ~= "HELP" then fail(line, "unknown word") end
      family[at] = rest
    else
      local sample, labels, value = read_sample(line)
      if not family or not family.type or not family.help then fail(line, "no family") end
      local suffix = sample:sub(1, #family.name) == family.name and sample:sub(#family.name + 1)
      if not suffix or not SUFFIXES[family.type][suffix] then fail(line, "not of this family") end
      check_value(family, suffix, labels, value, line)
      if family.type == "histogram" then check_histogram(family, suffix, labels, value, line) end
      local key = key_of(sample, labels)
      if self.samples[key] then fail(line, "the same sample twice") end
      family.sampled, self.samples[key] = true, value
      self.lists[sample] = self.lists[sample] or {}
      table.insert(self.lists[sample], { labels = labels, value = value })
    end
  end
  if family and family.open then error("a histogram without an end", 0) end
  return self
end

--- The value with exactly these labels; fails if the text has no such sample.
function Metrics:value(name, labels)
  local key = key_of(name, labels or {})
  return self.samples[key] or error("no sample " .. key, 2)
end

--- The sum of all that have these labels, and perhaps others.
function Metrics:sum(name, labels)
  local sum = 0
  for _, sample in ipairs(self.lists[name] or {}) do
    local same = true
    for label, value in pairs(labels) do same = same and sample.labels[label] == value end
    if same then sum = sum + sample.value end
  end
  return sum
end

return M
