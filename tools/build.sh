# Sourced by ./nibble when the tool is not built, or older than its sources. Needs jdk.sh and distribution.sh.

say() {
    printf 'nibble: %s\n' "$1" >&2
}

# Builds and sets `distribution`. Of several that start at once, one builds and the others wait for it.
build() {
    if ! mkdir -p "$state" 2>/dev/null || [ ! -w "$state" ]; then
        if [ -n "$distribution" ]; then
            say "'$root' is newer than its build and cannot be written to: running the old build"
            return
        fi
        fail "Nibble is not built yet, and '$state' cannot be written to" \
            "run ./nibble --version once as somebody who may write there"
    fi
    lock
    current_distribution
    if ! is_fresh; then
        NIBBLE_SKIP_BUILD=
        build_locked
        current_distribution
    fi
    unlock
}

build_locked() {
    local target log=$state/build.log number=1
    find_maven
    while [ -e "$state/dist.$number" ]; do number=$((number + 1)); done
    target=$state/dist.$number
    mkdir "$target"
    : >"$target/started"
    trap 'rm -rf "$target"; unlock' EXIT
    say "building with $NIBBLE_JDK; the first time takes a minute or two, and downloads libraries"
    if ! (cd "$root" && JAVA_HOME=$NIBBLE_JDK "$NIBBLE_MAVEN" -q -B -ntp -Dquick -Dmaven.test.skip=true \
        "-Dnibble.revision=$(revision_of "$root")" "-Dnibble.distribution=$target/lib" \
        -pl cli -am package) >"$log" 2>&1 </dev/null; then
        grep -v '^\[ERROR\] *$' "$log" | grep -m 12 '^\[ERROR\]\|^Error' >&2 || tail -n 12 "$log" >&2
        fail "the build failed" "Maven's output is in $log; without a network, the first build cannot fetch its libraries"
    fi
    "$NIBBLE_JDK/bin/java" "$root/tools/PrepareDistribution.java" "$target/lib" "$target/natives" >>"$log" 2>&1 ||
        fail "the build failed" "see $log"
    (cd "$target/lib" && printf '@/%s\n' *.jar | LC_ALL=C sort | paste -sd : -) >"$target/classpath"
    distribution=$target
    record light
    record compute
    printf '%s\n' "dist.$number" >"$state/current.new"
    mv "$state/current.new" "$state/current"
    trap unlock EXIT
    remove_others "$number"
    say "built"
}

# Makes the AOT cache of the kind $1, by a rehearsal of what the tool does. Without it the tool starts slower.
# In two steps: the JVM's own one-step way hands the options on in a variable, which a space in the path breaks.
record() {
    local recorded=$distribution/$1.recorded
    java_options "$1"
    "$NIBBLE_JDK/bin/java" -XX:AOTMode=record "-XX:AOTConfiguration=$recorded" "${options[@]}" \
        dev.nibble.cli.StartupRehearsal "$1" >>"$state/build.log" 2>&1 </dev/null &&
        "$NIBBLE_JDK/bin/java" -XX:AOTMode=create "-XX:AOTConfiguration=$recorded" \
            "-XX:AOTCache=$distribution/$1.aot" "${options[@]}" >>"$state/build.log" 2>&1 </dev/null ||
        say "no start-up cache could be made for '$1' (see $state/build.log); the tool works, and starts slower"
    rm -f "$recorded"
}

# Deletes the builds but $1 and the newest before it, which may still be running.
remove_others() {
    local folder kept=
    for folder in $(cd "$state" && ls -dt dist.*); do
        [ "$folder" = "dist.$1" ] && continue
        if [ -z "$kept" ]; then
            kept=$folder
            continue
        fi
        rm -rf "${state:?}/$folder"
    done
}

# A folder can be made only once, so whoever makes it holds the lock; its owner's process number is inside.
lock() {
    local owner said=
    while ! mkdir "$state/lock" 2>/dev/null; do
        owner=$(cat "$state/lock/owner" 2>/dev/null || true)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            # Moving it away succeeds for only one of those who wait.
            mv "$state/lock" "$state/lock.$$" 2>/dev/null && rm -rf "$state/lock.$$"
            continue
        fi
        [ -n "$said" ] || say "waiting for another build"
        said=1
        sleep 0.3
    done
    trap unlock EXIT
    printf '%s\n' "$$" >"$state/lock/owner"
}

unlock() {
    trap - EXIT
    rm -rf "$state/lock"
}
