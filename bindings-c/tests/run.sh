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
export BAD_INPUT=$root/docs/bad-input.md
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

# A packager's way: everything lies below DESTDIR, and nothing in it says so.
sh "$root/bindings-c/install.sh" "$out/stage" /opt/kinetik "$profile" > /dev/null
staged() {
  PKG_CONFIG_PATH=$out/stage/opt/kinetik/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$out/stage pkg-config "$@" kinetik
}

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
  case $name in
    fork | bad_input) check=$(echo "$memcheck" | sed 's/--leak-check=full/--leak-check=no/') ;;
    *) check=$memcheck ;;
  esac
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
# shellcheck disable=SC2046,SC2086
${CC:-cc} -std=c11 $warnings $(staged --cflags) "$tests/codec.c" $(staged --libs) -o "$out/codec-staged"
run "codec (installed below DESTDIR)" env LD_LIBRARY_PATH="$out/stage/opt/kinetik/lib" "$out/codec-staged"
run "kinetik.pc names PREFIX alone" test "$(pkg-config --variable=prefix "$out/stage/opt/kinetik/lib/pkgconfig/kinetik.pc")" = /opt/kinetik
run "the library has its soname" test -e "$out/stage/opt/kinetik/lib/$(readelf -d "$out/stage/opt/kinetik/lib/libkinetik.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')"
echo "$passed passed, 0 failed"
