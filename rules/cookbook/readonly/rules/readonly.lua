model "price" { table = "prices" }

rule "the copy is read-only" {
  stage = "guard", client = "copy", op = "write",
  deny = "the copy of last night can't be changed: write to main",
}
