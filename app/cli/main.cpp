#include <cstdio>

int main() {
  std::fputs("usage: intarsia VERB ...\n", stderr);
  return 2;
}
