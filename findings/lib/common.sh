# Sourced by each script of this folder: prints the script's head, makes a temporary folder that is removed at the end,
# installs pinned packages there, and compares what is seen now with what was seen when the script was written.

sed -n '2,/^set /s/^# \{0,1\}//p' "$0"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
py="$work/venv/bin/python"

# python_packages NAME==VERSION ...: into a virtual environment of their own; $py runs there. uv, where it is there, is
# several times as fast as pip.
python_packages() {
    if command -v uv >/dev/null; then
        uv venv --quiet "$work/venv"
        uv pip install --quiet --python "$py" "$@"
    else
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "$@"
    fi
}

# node_packages NAME@VERSION ...: into $work/node; programs that stand there find them.
node_packages() {
    mkdir -p "$work/node"
    (cd "$work/node" && echo '{"private":true,"type":"module"}' >package.json &&
        npm install --silent --no-audit --no-fund --ignore-scripts "$@")
}

# same WHAT SEEN EXPECTED: says it, or fails because the behaviour has changed.
same() {
    if [[ $2 != "$3" ]]; then
        printf 'CHANGED: %s\n  now:    %s\n  before: %s\n' "$1" "$2" "$3"
        exit 1
    fi
    printf 'still so: %s: %s\n' "$1" "$2"
}
