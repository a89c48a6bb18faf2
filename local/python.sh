# shellcheck shell=sh
# The versions of Python that the project supports, and where they are. Sourced, not run.

# In order of preference: Azure's default first. 3.14 is last: it is locked, but untested.
versions="3.13 3.12 3.11 3.14"

# The minor version of an interpreter, such as 3.13; fails if it does not run.
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# An interpreter of a version, if it runs: pyenv puts a `python3.12` on the PATH for every version it
# has, which fails unless that version is active.
python_of() {
    for python in "python$1" python3 python "$(pyenv prefix "$1" 2>/dev/null)/bin/python"; do
        if [ "$(version_of "$python")" = "$1" ]; then
            echo "$python"; return
        fi
    done
    return 1
}

# An interpreter of the first of those versions that is installed.
any_python() {
    for version in $versions; do
        python_of "$version" && return
    done
    return 1
}

# The interpreter that PYTHON names: a program, or a version (`python3.13`, `3.13`).
named_python() {
    if version_of "$1" >/dev/null; then
        echo "$1"
    else
        python_of "${1#python}"
    fi
}
