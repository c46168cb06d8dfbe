#!/bin/sh
# Builds every C and C++ test against the installed library, shared and static, and runs each under valgrind.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=$root/bindings-c/tests
prefix=$root/build/c-prefix
out=$root/build/c-tests
profile=${KINETIK_PROFILE:-ci}
warnings="-Wall -Wextra -Werror -O1 -g"

rm -rf "$prefix" "$out"
mkdir -p "$out"
sh "$root/bindings-c/install.sh" "" "$prefix" "$profile" > /dev/null
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
cflags=$(pkg-config --cflags kinetik)
shared="$(pkg-config --libs kinetik) -Wl,-rpath,$prefix/lib"
static="$prefix/lib/libkinetik.a $(pkg-config --libs --static kinetik | sed 's/-L[^ ]* -lkinetik//')"

memcheck=
if command -v valgrind > /dev/null; then
  memcheck="valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=9 --suppressions=$tests/valgrind.supp"
elif [ "${CI:-}" = true ]; then
  echo "valgrind is missing" && exit 1
else
  echo "SKIPPED: valgrind is missing, so the C tests run without it"
fi

passed=0
run() { # NAME COMMAND…
  label=$1; shift
  "$@" || { echo "FAILED: $label"; exit 1; }
  echo "ok  $label"
  passed=$((passed + 1))
}

for source in "$tests"/*.c; do
  name=$(basename "$source" .c)
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c11 $warnings $cflags "$source" $shared -lpthread -o "$out/$name"
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c11 $warnings $cflags "$source" $static -o "$out/$name-static"
  # A forked child leaks what its parent's threads held, on purpose.
  [ "$name" = fork ] && check=$(echo "$memcheck" | sed 's/--leak-check=full/--leak-check=no/') || check=$memcheck
  # shellcheck disable=SC2086
  run "$name (shared, valgrind)" $check "$out/$name"
  run "$name (static)" "$out/$name-static"
done
for source in "$tests"/*.cpp; do
  name=$(basename "$source" .cpp)
  # shellcheck disable=SC2086
  ${CXX:-c++} -std=c++20 $warnings $cflags "$source" $shared -o "$out/$name-cpp"
  # shellcheck disable=SC2086
  run "$name (C++, valgrind)" $memcheck "$out/$name-cpp"
done
echo "$passed passed, 0 failed"
