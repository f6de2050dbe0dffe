# Sourced by ./nibble: where the built tool lies, whether it is up to date, and how it is run. Needs $root.
#
# A build makes a folder of its own, .nibble/dist.N, and then names it in .nibble/current, so that whoever runs the one
# before is not disturbed. The folder holds lib/ (jars), natives/, classpath, light.aot and compute.aot, and the file
# `started`, as old as the build's beginning.

state=$root/.nibble

# Sets `distribution` to the folder that is to be run, or to nothing.
current_distribution() {
    distribution=
    [ -r "$state/current" ] || return 0
    IFS= read -r distribution <"$state/current" || true
    distribution=$state/$distribution
    [ -r "$distribution/classpath" ] || distribution=
}

# Succeeds if nothing that the build is made from is newer than it. A folder is newer when a file in it went away.
is_fresh() {
    [ -n "$distribution" ] || return 1
    [ "${NIBBLE_SKIP_BUILD:-}" = 1 ] && return 0
    [ -z "$(find "$root/pom.xml" "$root/tools" "$root"/*/pom.xml "$root"/*/src/main \
        -newer "$distribution/started" -print -quit)" ]
}

# Sets `options` to the JVM's options for the kind $1, light or compute, and exports the class path. An AOT cache holds only for the options it was
# made with.
java_options() {
    local classpath
    IFS= read -r classpath <"$distribution/classpath"
    options=(
        -Xlog:disable
        -XX:+UseSerialGC
        -XX:+UseCompactObjectHeaders
        -XX:MaxHeapFreeRatio=40
        --enable-native-access=ALL-UNNAMED
        "-Donnxruntime.native.path=$distribution/natives"
    )
    # By the environment, not by -cp: ONNX Runtime 1.29 crashes in a process whose command line exceeds 4 KiB.
    export CLASSPATH="${classpath//@/$distribution/lib}"
    # The JVM would begin with 1/64 of the machine's memory, and touch all of it before it collects anything. Calibration
    # fills some 50 MB with histograms that stay: a small young generation would copy them again and again.
    if [ "$1" = light ]; then
        options+=(-Xms48m)
    else
        options+=(-Xms96m -XX:NewSize=64m --add-modules jdk.incubator.vector)
    fi
}
