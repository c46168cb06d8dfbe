#!/bin/sh
# install.sh DESTDIR PREFIX [PROFILE]: puts libkinetik, its headers and kinetik.pc below DESTDIR/PREFIX.
set -eu
destdir=$1 prefix=$2 profile=${3:-release}
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/$profile

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
soname=$(readelf -d "$target/libkinetik.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
lib=$destdir$prefix/lib include=$destdir$prefix/include

install -d "$lib/pkgconfig" "$include"
install -m 755 "$target/libkinetik.so" "$lib/libkinetik.so.$version"
ln -sf "libkinetik.so.$version" "$lib/$soname"
ln -sf "$soname" "$lib/libkinetik.so"
install -m 644 "$target/libkinetik.a" "$lib/libkinetik.a"
install -m 644 "$root/include/kinetik.h" "$root/include/kinetik.hpp" "$include/"

cat > "$lib/pkgconfig/kinetik.pc" <<PC
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: kinetik
Description: Producer, reader and in-memory engine for Amazon Kinesis Data Streams
Version: $version
Libs: -L\${libdir} -lkinetik
Libs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
Cflags: -I\${includedir}
PC
echo "installed libkinetik $version below $destdir$prefix"
