-- Finds phrases that make comments, messages and documents hard to read, and prints FILE:LINE: phrase: the sentence.
-- In C and Lua it reads comments, and strings that hold a space; in shell, make and YAML files it reads comments; in
-- Markdown it reads everything but code.
-- Use, in the project's folder: lua5.4 tests/prose.lua [FILE or FOLDER ...]; without any it reads the whole project.
local EVERYTHING = { "src", "lua", "rules", "tests", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md" }
local SELF = "tests/prose.lua"

-- What to write in place of each phrase. Phrases match whole words in any case.
local BANNED = {
  ["nobody"] = "no session, no thread, …: name the subject",
  ["somebody"] = "a session, a thread, …: name the subject",
  ["anybody"] = "name the subject",
  ["whoever"] = "the caller that, the thread that",
  ["tells"] = "returns, reports, says",
  ["teller"] = "reporter",
  ["told of"] = "informed about, called with",
  ["is told"] = "is reported, receives",
  ["are told"] = "are reported, receive",
  ["be told"] = "be reported, be distinguished",
  ["told once"] = "reported once",
  ["told apart"] = "distinguished",
  ["is none"] = "is not a …, there is no …",
  ["are none"] = "are not …, there are no …",
  ["was none"] = "was not a …, there was no …",
  ["were none"] = "there were no …",
  ["what is no"] = "a value that is not …",
  ["what is none"] = "a value that is not …",
  ["what comes of"] = "the result of",
  ["comes of it"] = "the result",
  ["came of"] = "the result of",
  ["what becomes of"] = "the result of",
  ["what there is"] = "name the things",
  ["what there was"] = "name the things",
  ["that there were"] = "that existed",
  ["that of"] = "repeat the noun",
  ["for good"] = "permanently, finally",
  ["or else"] = "otherwise",
  ["would else"] = "would otherwise",
  ["could else"] = "could otherwise",
  ["else refuse"] = "otherwise refuse",
  ["else fail"] = "otherwise fail",
  ["else be"] = "otherwise be",
  ["else the"] = "otherwise the",
  ["else it"] = "otherwise it",
  ["of its own accord"] = "by itself",
  ["of their own accord"] = "by themselves",
  ["in the middle of no"] = "between",
  ["stand in each other's way"] = "conflict",
  ["in each other's way"] = "conflict",
  ["without a word"] = "silently",
  ["all the same"] = "nevertheless; or leave it out",
  ["ahead of need"] = "in advance",
  ["though it be"] = "even if it is",
  ["though they be"] = "even if they are",
  ["be it"] = "even if it is",
  ["but for"] = "except",
  ["save for"] = "except",
  ["for want of"] = "without",
  ["goes on to"] = "say what happens next",
  ["on its way there"] = "say what happens",
  ["to be had"] = "available",
  ["thereof"] = "of it",
  ["not so much as"] = "not even",
  ["not least"] = "also",
  ["lest"] = "so that … not",
  ["ere"] = "before",
  ["no more than is"] = "at most",
  ["what it may"] = "name the thing",
  ["as it were"] = "leave it out",
  ["so to speak"] = "leave it out",
  ["nothing is known by"] = "unknown",
  ["unless told otherwise"] = "unless … says otherwise",
  ["has to do with"] = "concerns",
}

-- ---- the text of a file ----

-- A passage is a comment or a string: its text on one line, and the line of the file on which each of its parts stands.
local function passage(list, line)
  local new = { text = "", parts = {}, line = line }
  list[#list + 1] = new
  return new
end

local function append(to, text, line)
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  if text == "" then return end
  to.text = to.text == "" and text or to.text .. " " .. text
  to.parts[#to.parts + 1] = { from = #to.text - #text + 1, line = line }
end

local function append_lines(to, text, line)
  for part in (text .. "\n"):gmatch "(.-)\n" do
    append(to, part:gsub("^%s*%*+%s", " "), line)
    line = line + 1
  end
end

local function line_breaks(text)
  return select(2, text:gsub("\n", ""))
end

-- Walks over a source text. Each token is a pattern, anchored by find's init, and what to do with the match.
local function scan(text, tokens, list)
  local at, line, joined = 1, 1, nil
  while at <= #text do
    local taken
    for _, token in ipairs(tokens) do
      local from, to, inner = text:find(token[1], at)
      if from == at then
        if token.kind == "comment" then
          -- Comments on lines of their own that follow each other are one passage.
          if not (joined and joined.ends == line - 1 and token.lines) then joined = passage(list, line) end
          append_lines(joined, inner, line)
          joined.ends = line
        elseif token.kind == "string" and inner:find " " then
          append_lines(passage(list, line), inner, line)
        end
        if token.kind ~= "blank" and not (token.kind == "comment" and token.lines) then joined = nil end
        taken = to
        break
      end
    end
    taken = taken or at
    line = line + line_breaks(text:sub(at, taken))
    at = taken + 1
  end
end

-- The end of a quoted string: patterns can't skip escaped quotes.
local function hide_escapes(text)
  return (text:gsub("\\[\\\"']", "  "))
end

local C = {
  { "^%s+", kind = "blank" },
  { "^/%*(.-)%*/", kind = "comment" },
  { "^//([^\n]*)", kind = "comment", lines = true },
  { "^'[^'\n]*'" },
  { '^"([^"\n]*)"', kind = "string" },
  { "^[%w_]+" },
}

local LUA = {
  { "^%s+", kind = "blank" },
  { "^%-%-%[%[(.-)%]%]", kind = "comment" },
  { "^%-%-%-?([^\n]*)", kind = "comment", lines = true },
  { "^%[%[(.-)%]%]", kind = "string" },
  { "^%[=%[(.-)%]=%]", kind = "string" },
  { "^'([^'\n]*)'", kind = "string" },
  { '^"([^"\n]*)"', kind = "string" },
  { "^[%w_]+" },
}

local function read_source(tokens)
  return function(text, list) scan(hide_escapes(text), tokens, list) end
end

local function read_hash_comments(text, list)
  local joined, number = nil, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local own, comment = line:match "^(%s*)#+%s(.*)$"
    comment = comment or line:match "%s##?%s(.*)$"
    if not comment then
      joined = nil
    else
      joined = own and joined or passage(list, number)
      append(joined, comment, number)
    end
  end
end

local function read_markdown(text, list)
  local joined, number, fenced = nil, 0, false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local fence = line:find "^%s*```"
    if fence then fenced = not fenced end
    if fence or fenced or line:find "^%s*$" then
      joined = nil
    else
      local starts = line:find "^%s*[-*|#]" or line:find "^%s*%d+%. "
      joined = not starts and joined or passage(list, number)
      append(joined, line:gsub("`[^`]*`", "`…`"), number)
    end
  end
end

local READERS = {
  c = read_source(C), h = read_source(C), lua = read_source(LUA), md = read_markdown, sh = read_hash_comments,
  yaml = read_hash_comments, yml = read_hash_comments, Makefile = read_hash_comments,
}

-- ---- the phrases ----

local patterns = {}
for phrase, instead in pairs(BANNED) do
  local pattern = phrase:gsub("%p", "%%%0"):gsub(" ", "%%s+")
  patterns[#patterns + 1] = { phrase = phrase, instead = instead, pattern = "%f[%w]" .. pattern .. "%f[^%w_]" }
end
table.sort(patterns, function(a, b) return #a.phrase > #b.phrase end)

local function line_of(from, found)
  local line = found.line
  for _, part in ipairs(found.parts) do
    if part.from <= from then line = part.line end
  end
  return line
end

local function sentence_around(text, from, to)
  local start, stop = 1, #text
  for at in text:gmatch "()[.;:!?]%s" do
    if at < from then start = at + 1 end
    if at >= to then
      stop = at
      break
    end
  end
  return (text:sub(start, stop):gsub("^%s+", ""))
end

local function find_phrases(path, found, report)
  local lower = found.text:lower()
  local taken = {}
  for _, p in ipairs(patterns) do
    local at = 1
    while true do
      local from, to = lower:find(p.pattern, at)
      if not from then break end
      local plain = p.phrase:find " none$" and lower:sub(1, from - 1):find "there $" -- "if there is none"
      if not taken[from] and not plain then
        for i = from, to do taken[i] = true end
        report(("%s:%d: %s (%s): %s"):format(path, line_of(from, found), p.phrase, p.instead,
          sentence_around(found.text, from, to)), line_of(from, found))
      end
      at = to + 1
    end
  end
end

local function files_of(places)
  local list, quoted = {}, {}
  for i, place in ipairs(places) do quoted[i] = "'" .. place:gsub("'", "'\\''") .. "'" end
  local pipe = assert(io.popen(("find %s -type f 2>/dev/null | LC_ALL=C sort -u"):format(table.concat(quoted, " "))))
  for path in pipe:lines() do
    local reader = READERS[path:match "[^/]*$"] or READERS[path:match "%.(%w+)$"]
    if reader and path ~= SELF then list[#list + 1] = { path = path, read = reader } end
  end
  pipe:close()
  return list
end

local total = 0
for _, file in ipairs(files_of(#arg > 0 and arg or EVERYTHING)) do
  local handle = assert(io.open(file.path, "rb"))
  local passages, reports = {}, {}
  file.read(handle:read "a", passages)
  handle:close()
  for _, found in ipairs(passages) do
    find_phrases(file.path, found, function(text, line) reports[#reports + 1] = { text = text, line = line } end)
  end
  table.sort(reports, function(a, b) return a.line < b.line or a.line == b.line and a.text < b.text end)
  for _, report in ipairs(reports) do print(report.text) end
  total = total + #reports
end
if total > 0 then
  io.stderr:write(("prose: %d phrases to reword\n"):format(total))
  os.exit(false)
end
