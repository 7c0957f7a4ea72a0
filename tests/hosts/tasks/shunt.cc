/* The tasks of shunt.c in C++. Use: shunt SHUNT_YAML */
#include <iostream>
#include <shunt.hpp>

static void tasks(const char *where) {
  /* open */
  shunt::app app(where);
  shunt::session session(app);
  /* end */

  /* read one row */
  for (shunt::row user : session.get("user", 7)) std::cout << user["name"].text() << '\n';
  /* end */

  /* read with a relation */
  shunt::rows users = session.get("user", 7, shunt::query().include("orders"));
  for (shunt::row order : users[0].children("orders")) std::cout << order["item"].text() << '\n';
  /* end */

  /* write */
  std::cout << session.insert("order", {{"user_id", 7}, {"item", "tea"}})[0]["id"].integer() << '\n';
  /* end */

  /* transaction */
  session.transaction([&] {
    session.increment("account", {"id", 1}, "balance", -30);
    session.increment("account", {"id", 2}, "balance", 30);
  });
  /* end */

  /* resolve */
  std::cout << session.client_of("invoice") << '\n';
  /* end */
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  try {
    tasks(argv[1]);
  } catch (const shunt::error &e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
