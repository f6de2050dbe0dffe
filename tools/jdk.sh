# Sourced by ./nibble and ./verify: finds a JDK >= 25 (NIBBLE_JDK) and Maven (NIBBLE_MAVEN), and says errors in the house's form.
# Plain bash without a subprocess where that is possible: it runs at every start of the tool.

NIBBLE_LEAST_JAVA=25

# fail MESSAGE HINT
fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 2
}

# Succeeds if the folder $1 is a JDK (with a compiler) that is new enough; its `release` file says so.
is_jdk() {
    [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
    local line version
    while IFS= read -r line; do
        case $line in
            JAVA_VERSION=*)
                version=${line#JAVA_VERSION=}
                version=${version#\"}
                version=${version%%[!0-9]*}
                [ -n "$version" ] && [ "$version" -ge "$NIBBLE_LEAST_JAVA" ]
                return
                ;;
        esac
    done <"$1/release"
    return 1
}

# Prints the file $1 with every symbolic link on the way followed.
follow() {
    local file=$1 link
    while [ -L "$file" ]; do
        link=$(readlink "$file")
        case $link in
            /*) file=$link ;;
            *) file=${file%/*}/$link ;;
        esac
    done
    printf '%s\n' "$file"
}

# Sets NIBBLE_JDK: JAVA_HOME, the java on the PATH, then the usual folders.
find_jdk() {
    local folder java
    if [ -n "${JAVA_HOME:-}" ] && is_jdk "$JAVA_HOME"; then
        NIBBLE_JDK=$JAVA_HOME
        return
    fi
    java=$(command -v java || true)
    if [ -n "$java" ]; then
        java=$(follow "$java")
        folder=${java%/bin/*}
        if is_jdk "$folder"; then
            NIBBLE_JDK=$folder
            return
        fi
    fi
    for folder in /usr/lib/jvm/* /usr/java/* /opt/jdk* /opt/java/* "${HOME:-/}"/.sdkman/candidates/java/* \
        "${HOME:-/}"/.jdks/* "${HOME:-/}"/Library/Java/JavaVirtualMachines/*/Contents/Home \
        /Library/Java/JavaVirtualMachines/*/Contents/Home /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home; do
        if is_jdk "$folder"; then
            NIBBLE_JDK=$folder
            return
        fi
    done
    if [ -x /usr/libexec/java_home ]; then
        folder=$(/usr/libexec/java_home -v "$NIBBLE_LEAST_JAVA+" 2>/dev/null || true)
        if [ -n "$folder" ] && is_jdk "$folder"; then
            NIBBLE_JDK=$folder
            return
        fi
    fi
    fail "no JDK $NIBBLE_LEAST_JAVA or newer found" \
        "install one (a JDK, not only a Java runtime), or set JAVA_HOME to it; looked at JAVA_HOME, PATH and /usr/lib/jvm, ~/.sdkman, ~/.jdks and their like"
}

# Sets NIBBLE_MAVEN.
find_maven() {
    if [ -n "${MAVEN_HOME:-}" ] && [ -x "$MAVEN_HOME/bin/mvn" ]; then
        NIBBLE_MAVEN=$MAVEN_HOME/bin/mvn
        return
    fi
    NIBBLE_MAVEN=$(command -v mvn || true)
    [ -n "$NIBBLE_MAVEN" ] || fail "Maven not found" "install Maven 3.8 or newer so that 'mvn' is on the PATH, or set MAVEN_HOME"
}

# The Git commit of the folder $1, with a + where files differ from it; empty outside Git.
revision_of() {
    local revision
    revision=$(git -C "$1" rev-parse --short=9 HEAD 2>/dev/null) || return 0
    printf '%s' "$revision"
}
