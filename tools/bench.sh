#!/usr/bin/env bash
# Reproduces published tables: tools/bench.sh results [SHARED [WORK]] writes docs/results.md.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/tools/jdk.sh"
case ${1-} in
results) main=dev.nibble.bench.PublishedResults ;;
*)
    echo "error: there is no benchmark '${1-}'" >&2
    echo "hint: tools/bench.sh results [SHARED [WORK]]" >&2
    exit 2
    ;;
esac
shared=$(cd "${2-$here/../shared}" && pwd)
work=${3-$here/.nibble/bench}
mkdir -p "$work"
find_jdk
export JAVA_HOME=$NIBBLE_JDK
cd "$here"
./nibble --version
mvn -q -B -ntp -Dquick -pl bench -am compile
root=$here
. "$here/tools/distribution.sh"
current_distribution
java_options compute
export CLASSPATH="$here/bench/target/classes:$CLASSPATH"
exec "$JAVA_HOME/bin/java" "${options[@]}" "$main" "$shared" "$work" "$here/docs/$1.md"
