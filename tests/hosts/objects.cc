/* Tries all that shunt.hpp has, on the shop. Prints what fails. Use: objects SHUNT_YAML */
#include <algorithm>
#include <iostream>
#include <shunt.hpp>

static int failures;

static void check(bool ok, const std::string &what) {
  if (ok) return;
  std::cerr << "not so: " << what << '\n';
  failures++;
}

template <class F> static void fails(F call, shunt_status status, const std::string &words) {
  try {
    call();
  } catch (const shunt::error &e) {
    check(e.status() == status && e.get().status == status, "the status for: " + words);
    check(std::string(e.what()).find(words) != std::string::npos, words + " is in: " + e.what());
    return;
  }
  check(false, "it fails: " + words);
}

static std::string items(const shunt::range &rows) {
  std::string all;
  for (shunt::row row : rows) all += row["item"].text() + " ";
  return all;
}

static void values_own_their_bytes() {
  shunt::value copy;
  {
    std::string text("a\0b", 3);
    copy = shunt::value(text);
    text = "gone";
  }
  const shunt_value v = copy.get();
  check(v.size == 3 && v.as.bytes[2] == 'b' && v.type == SHUNT_TEXT, "a text is copied with its NUL");
  check(shunt::value(shunt::value("x").get()).get().size == 1, "a value of C is copied");
  check(shunt::value::blob("\1\2", 2).get().type == SHUNT_BLOB, "a blob is one");
  check(shunt::value(nullptr).get().type == SHUNT_NULL, "nullptr is a null");
  check(shunt::value(static_cast<const char *>(nullptr)).get().type == SHUNT_NULL, "a text that is NULL is a null");
  check(shunt::value(true).get().type == SHUNT_BOOL, "a bool is a boolean");
  check(shunt::value(1.5f).get().type == SHUNT_FLOAT, "a float is a number");
  check(shunt::value(7u).get().as.integer == 7 && shunt::value('a').get().type == SHUNT_INTEGER, "integers are");
  fails([] { shunt::value(UINT64_MAX); }, SHUNT_E_USAGE, "63 bits");
}

static void rows_are_ranges(shunt::session &session) {
  shunt::rows users = session.get("user", 7, shunt::query().include("orders"));
  check(users.size() == 1 && !users.empty(), "one user");
  const shunt::range orders = users[0].children("orders");
  check(items(orders) == "ink pen ", "the orders: " + items(orders));
  check(std::count_if(orders.begin(), orders.end(), [](shunt::row o) { return o["item"].text() == "pen"; }) == 1,
        "algorithms take them");
  check(std::distance(users[0].children("orders").begin(), users[0].children("orders").end()) == 2,
        "iterators outlive their range");
  check(users.json() == R"([{"id":7,"name":"Ada","orders":[{"id":1,"user_id":7,"item":"ink"},)"
                        R"({"id":2,"user_id":7,"item":"pen"}]}])",
        "JSON: " + users.json());
  shunt::rows moved = std::move(users);
  check(moved[0]["name"].text() == "Ada", "rows can be moved");
  check(session.get("user", 8).empty(), "there is no user 8");
  fails([&] { moved[1]; }, SHUNT_E_USAGE, "no row 1");
  fails([&] { moved[0]["nope"]; }, SHUNT_E_USAGE, "no column 'nope'");
  fails([&] { moved[0].children("nope"); }, SHUNT_E_USAGE, "'nope'");
  fails([&] { moved[0]["name"].integer(); }, SHUNT_E_USAGE, "text, not an integer");
  check(moved[0][std::string("id")].number() > 6.9, "an integer is a number");
}

static void conditions_and_queries_are_values(shunt::session &session) {
  using shunt::query;
  check(session.count("order") == 2, "two orders");
  check(session.count("order", query().where({"item", "pen"})) == 1, "one pen");
  check(session.count("order", query().where({"id", SHUNT_IN, {1, 2, 3}})) == 2, "a list");
  check(session.count("order", query().where({"item", nullptr})) == 0, "nulls");
  check(session.count("order", query().where(shunt::any({{"id", 1}, {"item", "pen"}}))) == 2, "or");
  check(session.count("order", query().where(shunt::all({{"id", SHUNT_GTE, 1}, {"item", "pen"}}))) == 1, "and");
  check(session.count("order", query().where(shunt::negate({"item", "pen"}))) == 1, "not");
  check(session.count("user", query().where({"orders", SHUNT_SOME, shunt::where("item", "ink")})) == 1, "related");
  query first = query().where(shunt::all({{"id", SHUNT_GTE, 1}, shunt::any({{"item", "pen"}, {"item", "ink"}})}));
  query second = first.order({"-id"}).limit(1).columns({"item"});
  first.where({"item", "none"});
  check(items(session.select("order", second)) == "pen ", "a copy is a query of its own");
  check(session.select("order", first).empty(), "and so is the first");
  check(session.select("order", query().limit(0)).empty(), "a limit of 0");
  check(items(session.select("order", query().order({"id"}).offset(1))) == "pen ", "an offset");
  check(items(session.select("user", query().include("orders", query().limit(1)))[0].children("orders")) == "ink ",
        "an include has a query");
  fails([&] { session.select("ordr"); }, SHUNT_E_NOT_FOUND, "did you mean 'order'?");
  fails([&] { query().limit(-1); }, SHUNT_E_USAGE, "not -1");
}

static void streams_are_read_once(shunt::session &session) {
  std::string all;
  shunt::stream orders = session.each("order", shunt::query().order({"id"}));
  for (const shunt::stream::row &row : orders) all += row["item"].text() + " ";
  check(all == "ink pen ", "a stream: " + all);
  shunt::stream left = session.each("order");
  check(left.begin()->operator[]("id").integer() == 1, "it may be left early");
  fails([&] { (*left.begin())["nope"]; }, SHUNT_E_USAGE, "no column 'nope'");
}

static void writes_count(shunt::session &session) {
  shunt::record tea = {{"user_id", 7}, {"item", "tea"}};
  shunt::rows made = session.insert("order", tea.set("user_id", 8));
  const std::int64_t id = made[0]["id"].integer();
  check(made[0]["user_id"].integer() == 8 && made[0]["item"].text() == "tea", "a record can be changed");
  check(session.update("order", {{"id", id}, {"item", "milk"}}) == 1, "by its key");
  check(session.update("order", {{"item", "cream"}}, {"id", id}) == 1, "by a condition");
  check(session.remove("order", {"item", "cream"}) == 1, "removed");
  fails([&] { session.remove("order", shunt::all({})); }, SHUNT_E_USAGE, "without where");
}

static void transactions_end(shunt::session &session) {
  const auto balance = [&] { return session.get("account", 1)[0]["balance"].integer(); };
  const std::int64_t before = balance();
  session.transaction([&] { session.increment("account", {"id", 1}, "balance", -10); });
  check(balance() == before - 10, "it commits");
  bool thrown = false;
  try {
    session.transaction([&] {
      session.increment("account", {"id", 1}, "balance", -10);
      throw std::out_of_range("enough");
    });
  } catch (const std::out_of_range &e) {
    thrown = std::string(e.what()) == "enough";
  }
  check(thrown && balance() == before - 10, "an exception rolls back, and is thrown again");
  fails([&] { session.transaction([&] { session.get("usr", 1); }); }, SHUNT_E_NOT_FOUND, "did you mean 'user'?");
  int runs = 0;
  shunt_tx_options options = shunt_tx_options();
  options.retry = 2;
  session.transaction(
      [&] {
        shunt_error conflict = shunt_error();
        conflict.status = SHUNT_E_CONFLICT;
        conflict.engine_code = 5;
        if (++runs < 3) throw shunt::error(conflict);
      },
      &options);
  check(runs == 3, "a conflict is tried again");
  const auto broken_hook = [](void *, shunt_error *err) {
    *err = shunt_error();
    err->status = SHUNT_E_USAGE;
    std::strcpy(err->message, "the hook is broken");
    return err->status;
  };
  fails(
      [&] {
        session.transaction([&] {
          shunt_error err;
          if (shunt_on_rollback(session.get(), broken_hook, nullptr, nullptr, &err)) throw shunt::error(err);
          throw std::out_of_range("enough");
        });
      },
      SHUNT_E_TRANSACTION, "the hook is broken");
}

static void sessions_decide(shunt::app &app, shunt::session &session) {
  check(session.client_of("user") == "main" && session.client_of("invoice", SHUNT_WRITE) == "archive", "decisions");
  fails([&] { session.client_of("usr"); }, SHUNT_E_NOT_FOUND, "did you mean 'user'?");
  fails([&] { shunt::session(app, "nope"); }, SHUNT_E_NOT_FOUND, "nope");
  fails([&] { shunt::app("/nowhere/shunt.yaml"); }, SHUNT_E_CONFIG, "can't read");
  const std::uint64_t before = app.generation();
  app.reload();
  check(app.generation() == before + 1, "a reload");
  shunt::session moved = std::move(session);
  check(moved.push("order", "1") > 0, "a session can be moved, and push");
  session = std::move(moved);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  try {
    shunt::app app(argv[1]);
    shunt::session session(app);
    values_own_their_bytes();
    rows_are_ranges(session);
    conditions_and_queries_are_values(session);
    streams_are_read_once(session);
    writes_count(session);
    transactions_end(session);
    sessions_decide(app, session);
  } catch (const std::exception &e) {
    check(false, std::string("nothing is thrown: ") + e.what());
  }
  if (!failures) std::cout << "all is well\n";
  return failures != 0;
}
