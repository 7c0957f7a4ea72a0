-- The ABI of libshunt.so as a list, a line for each function, member, enumerator and type: it is compared with the recorded
-- one, src/pack/libshunt.abi. The list is of 64-bit x86; on other machines nothing is compared.
-- Use, in the project's folder: lua5.4 src/pack/abi.lua LIBRARY CC [--renew]
--   --renew  records the ABI as it is
local RECORD, HEADER = "src/pack/libshunt.abi", "src/shunt.h"
local library, cc, renew = arg[1], arg[2], arg[3] == "--renew"

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  assert(pipe:close(), command)
  return text
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function squeezed(text) return (text:gsub("%s+", " "):gsub("%* (%*)", "*%1"):gsub("^ ", ""):gsub(" $", "")) end

-- Names in the header after these words, in order and once each.
local function names(pattern)
  local list, seen = {}, {}
  for name in read(HEADER):gmatch(pattern) do
    if not seen[name] then list[#list + 1] = name end
    seen[name] = true
  end
  table.sort(list)
  return list
end

-- ---- functions: their types from the header, their versions from the library ----

local function add_functions(lines, aux)
  local versions, list = {}, {}
  for name, version in output_of("nm -D --defined-only " .. library):gmatch " [TWi] ([%w_]+)@@(%S+)" do versions[name] = version end
  for result, name, parameters in aux:gmatch "%*/ extern ([^\n]-)(shunt_[%w_]+) (%b());" do
    if versions[name] then list[#list + 1] = ("function %s %s: %s %s"):format(name, versions[name], squeezed(result), squeezed(parameters)) end
    versions[name] = nil
  end
  for name, version in pairs(versions) do list[#list + 1] = ("function %s %s: not in the header"):format(name, version) end
  table.sort(list)
  table.move(list, 1, #list, #lines + 1, lines)
end

-- ---- types: from the debugging information of a file that includes only the header ----

local function add_struct(lines, name, text)
  lines[#lines + 1] = ("struct %s: %s bytes"):format(name, text:match "/%* size: (%d+),")
  local depth = 0
  for line in text:gmatch "[^\n]+" do
    local declared, offset, size = line:match "^%s*(.-);%s*/%*%s*(%d+)%s+(%d+) %*/"
    if declared then
      if declared:find "^}" then depth = depth - 1 end
      lines[#lines + 1] = ("  %s%s+%s %s"):format(("  "):rep(depth), offset, size, squeezed(declared))
    elseif line:find "^%s+[su][tn][ri]%l+ {" then
      lines[#lines + 1] = "  " .. squeezed(line)
      depth = depth + 1
    end
  end
end

local function add_types(lines, object)
  local structs = {}
  for name, body in ("\n" .. output_of("pahole " .. object)):gmatch "\nstruct (shunt_[%w_]+) (%b{})" do structs[name] = body end
  local order = {}
  for name in pairs(structs) do order[#order + 1] = name end
  table.sort(order)
  for _, name in ipairs(order) do add_struct(lines, name, structs[name]) end
  for _, name in ipairs(names "typedef enum (shunt_[%w_]+) {") do
    lines[#lines + 1] = "enum " .. name
    for enumerator, value in output_of(("pahole -C %s %s"):format(name, object)):gmatch "\n%s+([%w_]+)%s+= (%-?%d+)," do
      lines[#lines + 1] = ("  %s = %s"):format(enumerator, value)
    end
  end
  for _, name in ipairs(names "typedef [^\n{};]-%(%*(shunt_[%w_]+)%)%(") do
    lines[#lines + 1] = squeezed(output_of(("pahole -C %s %s"):format(name, object)))
  end
end

local function current()
  local folder = output_of "mktemp -d":match "%S+"
  local object, aux = folder .. "/header.o", folder .. "/aux"
  output_of(("echo '#include \"%s\"' | %s -std=c11 -I. -g -fno-eliminate-unused-debug-types -aux-info %s -x c -c -o %s -")
    :format(HEADER, cc, aux, object))
  local lines = {}
  add_functions(lines, read(aux))
  add_types(lines, object)
  os.execute("rm -rf " .. folder)
  return lines
end

-- ---- comparing ----

-- Members and enumerators are compared below their type.
local function keyed(lines)
  local set, owner = {}, ""
  for _, line in ipairs(lines) do
    if not line:find "^ " then owner = line:match "^%l+ [%w_]+" or line end
    set[line:find "^ " and owner .. ":" .. line or line] = true
  end
  return set
end

local function missing_from(set, lines)
  local list, owner = {}, ""
  for _, line in ipairs(lines) do
    if not line:find "^ " then owner = line:match "^%l+ [%w_]+" or line end
    local key = line:find "^ " and owner .. ":" .. line or line
    if not set[key] then list[#list + 1] = "  " .. key end
  end
  return list
end

local function main()
  if not output_of("uname -m"):find "x86_64" then
    print "abi: nothing is compared on this machine"
    return true
  end
  local lines = current()
  if renew then
    local file = assert(io.open(RECORD, "w"))
    file:write("# The ABI of libshunt.so on 64-bit x86: offset+size of members. `make abi` renews it; see CONTRIBUTING.md.\n",
      table.concat(lines, "\n"), "\n")
    file:close()
    return true
  end
  local recorded = {}
  for line in read(RECORD):gmatch "[^\n]+" do
    if not line:find "^#" then recorded[#recorded + 1] = line end
  end
  local gone, new = missing_from(keyed(lines), recorded), missing_from(keyed(recorded), lines)
  if #gone > 0 then print("abi: gone or changed, which breaks hosts that exist:\n" .. table.concat(gone, "\n")) end
  if #new > 0 then print("abi: not recorded:\n" .. table.concat(new, "\n")) end
  if #gone + #new > 0 then print "abi: CONTRIBUTING.md says which changes hosts survive; `make abi` records the ABI as it is" end
  return #gone + #new == 0
end

os.exit(main())
