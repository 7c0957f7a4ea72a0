#!/bin/sh
# For: Debian packages (libshunt0, libshunt-dev, lua-shunt, shunt) of the working tree, checked with lintian.
# Use, in the project's folder: sh src/pack/deb.sh FOLDER; the packages are then in FOLDER.
#   DEB_REVISION   of the packages: 1 if it is not set
#   DEBFULLNAME, DEBEMAIL   the maintainer; without them, the last author of the repository
set -eu

folder=$1
here=src/pack/debian
version=$(sed -n 's/^.define SHUNT_VERSION "\(.*\)"/\1/p' src/shunt.h)
maintainer="${DEBFULLNAME:-$(git log -1 --format=%an)} <${DEBEMAIL:-$(git log -1 --format=%ae)}>"
date=$(git log -1 --format=%cD)

rm -rf "$folder"
source=$folder/shunt-$version
mkdir -p "$source/debian/source"
git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$source"

cp "$here"/*.install "$here"/*.docs "$here/rules" "$here/not-installed" "$source/debian"
chmod 755 "$source/debian/rules"
echo '3.0 (native)' >"$source/debian/source/format"
needed=$(sed -n '/^  build)/,/;;/ s/^ *need \([^ ]*\) .*/, \1/p' tests/packages.sh | tr -d '\n')
sed -e "s|^Maintainer: .*|Maintainer: $maintainer|" -e "s|, @BUILD@|$needed|" "$here/control" >"$source/debian/control"
# The licence as the format of copyright files has it: indented, with a full stop in empty lines.
{
  cat "$here/copyright"
  sed -n '/^Permission/,$ { s/^$/./; s/^/ /; p; }' LICENSE
} >"$source/debian/copyright"
{
  printf 'shunt (%s+%s) unstable; urgency=medium\n\n' "$version" "${DEB_REVISION:-1}"
  printf '  * Built from the sources. CHANGELOG.md lists the changes.\n\n'
  printf ' -- %s  %s\n' "$maintainer" "$date"
} >"$source/debian/changelog"
# A program depends on the version that first had the symbols that it uses.
{
  printf '%s\n' 'libshunt.so.0 libshunt0 #MINVER#' '* Build-Depends-Package: libshunt-dev'
  sed -n 's/^SHUNT_\([0-9.]*\) .*/ (symver)SHUNT_\1 \1/p' src/pack/libshunt.map
} >"$source/debian/libshunt0.symbols"

(cd "$source" && dpkg-buildpackage -b -us -uc) >"$folder/log" 2>&1 || {
  tail -n 40 "$folder/log" >&2
  exit 1
}
lintian --fail-on error,warning --tag-display-limit 0 "$folder"/*.changes
rm -rf "$source"
ls "$folder"/*.deb
