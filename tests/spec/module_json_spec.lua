--- JSON as shunt.json writes it and shunt.json_decode reads it.

local shunt = require "shunt"
local Shop = require "tests.spec.support.shop"
local failure, has = Shop.failure, Shop.has

describe("JSON of the module", function()
  it("writes integers, decimals, blobs, null and empty tables as they are", function()
    assert.equal('{"a":[1,2.5,0.1,1.0,true,null,"YQ=="],"b":[],"c":{}}',
      shunt.json { a = { 1, 2.5, 0.1, 1.0, true, shunt.null, shunt.blob "a" }, b = {}, c = shunt.object {} })
    assert.equal("9223372036854775807", shunt.json(math.maxinteger))
  end)

  it("puts the keys that are named first", function()
    assert.equal('{"z":1,"a":2,"b":3}', shunt.json({ b = 3, a = 2, z = 1 }, { "z" }))
  end)

  it("gives base64 for every length", function()
    for text, coded in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", ["foob\xff\0"] = "Zm9vYv8A" } do
      assert.equal('"' .. coded .. '"', shunt.json(shunt.blob(text)))
    end
  end)

  it("reads every double back as it was written", function()
    math.randomseed(Shop.seed)
    for _ = 1, 1000 do
      local number = string.unpack("d", string.pack("j", math.random(0)))
      if number == number and math.abs(number) ~= math.huge then
        assert.equal(number, shunt.json_decode(shunt.json { number })[1])
      end
    end
  end)

  it("replaces invalid UTF-8, and keeps valid UTF-8", function()
    assert.equal('"a\u{FFFD}b"', shunt.json "a\xffb")
    assert.equal('"\u{FFFD}\u{FFFD}\u{FFFD}"', shunt.json "\xed\xa0\x80")
    assert.equal('"\u{20AC}\u{1F600}"', shunt.json "\u{20AC}\u{1F600}")
    assert.equal('{"\u{FFFD}":1}', shunt.json { ["\xc0"] = 1 })
  end)

  it("refuses what JSON has no word for", function()
    failure("SHUNT_E_USAGE", shunt.json, { 0 / 0 })
    failure("SHUNT_E_USAGE", shunt.json, { math.huge })
    failure("SHUNT_E_USAGE", shunt.json, { 1, nil, 3 })
    failure("SHUNT_E_USAGE", shunt.json, print)
    local loop = {}
    loop[1] = loop
    failure("SHUNT_E_USAGE", shunt.json, loop)
    has(failure("SHUNT_E_USAGE", shunt.json_decode, "{"), "line 1")
  end)

  it("reads what it wrote", function()
    local value = { a = { 1, "x", { b = { false, shunt.null } } }, e = {} }
    assert.same(value, shunt.json_decode(shunt.json(value)))
  end)
end)
