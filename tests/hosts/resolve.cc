/* Says where reads of a model go. Use: resolve SHUNT_YAML MODEL */
#include <iostream>
#include <shunt.hpp>

int main(int argc, char **argv) try {
  if (argc != 3) return 2;
  shunt::app app(argv[1]);
  shunt::session session(app);
  std::cout << argv[2] << ": " << session.client_of(argv[2]) << '\n';
} catch (const shunt::error &e) {
  std::cerr << e.what() << '\n';
  return 1;
}
