# shellcheck shell=sh
# Which versions of Python the project takes, and where they are. Sourced, not run.

# In the order of choice: what Azure runs by default comes first. 3.14 comes last: the lock is made for
# it, but nothing was run on it yet.
versions="3.13 3.12 3.11 3.14"

# The minor version of an interpreter, such as 3.13; fails where it does not run.
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# An interpreter of a version. One that does not run does not count: pyenv puts a `python3.12` on the
# PATH for each version that it has, and that refuses unless the version is switched on.
python_of() {
    for python in "python$1" python3 python "$(pyenv prefix "$1" 2>/dev/null)/bin/python"; do
        if [ "$(version_of "$python")" = "$1" ]; then
            echo "$python"; return
        fi
    done
    return 1
}

# An interpreter of the first of those versions that is here.
any_python() {
    for version in $versions; do
        python_of "$version" && return
    done
    return 1
}

# What PYTHON names: a program, or as `python3.13` and `3.13` one that is found as above.
named_python() {
    if version_of "$1" >/dev/null; then
        echo "$1"
    else
        python_of "${1#python}"
    fi
}
