-- One line for each tenant. Later a program may write this file.
return {
  { id = 1, name = "acme", country = "us" },
  { id = 2, name = "globex", country = "de" },
  { id = 3, name = "initech", country = "de", own_database = true },
}
