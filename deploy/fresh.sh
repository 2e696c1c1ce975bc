#!/bin/sh
set -eu
. "$(dirname -- "$0")/common.sh"

usage() {
    cat <<'TEXT'
Runs the two commands of the README on bare Debian systems:

    sh deploy/fresh.sh [OPTION …] [bookworm | trixie]

A minimal system is made with debootstrap from the mirror that apt uses here, a clone of what is
committed is put into a copy of it, and the commands are run there: as root the demo and then all
tests, and, in a second copy, the demo as a user with sudo. What they print is kept in the folder
fresh of the build folder. The last lines are a table. Needs root, debootstrap, git and unshare.

    --demo         only the demo
    --tests        only the tests
    --root         only as root
    --user         only as the user with sudo, and then with all tests
    --mirror URL   where packages come from
    --keep         leaves the systems where they are, and says where
    --help         this text
TEXT
}

fail() {
    printf 'fresh.sh: %s\n' "$1" >&2
    exit 2
}

release=bookworm demo=true tests=true as_root=true as_user=true user_tests=false keep=false mirror=''
while [ $# -gt 0 ]; do
    case $1 in
    --demo) tests=false ;;
    --tests) demo=false ;;
    --root) as_user=false ;;
    --user) as_root=false user_tests=true ;;
    --mirror)
        [ $# -gt 1 ] || fail '--mirror wants a URL'
        mirror=$2
        shift
        ;;
    --keep) keep=true ;;
    --help)
        usage
        exit 0
        ;;
    bookworm | trixie) release=$1 ;;
    *) fail "what is \"$1\"? See --help" ;;
    esac
    shift
done
"$demo" || "$tests" || fail '--demo and --tests leave nothing to run'
"$as_root" || "$as_user" || fail '--root and --user leave nobody to run it'
[ "$(id -u)" -eq 0 ] || fail 'only root can make a system; try sudo'
for program in debootstrap git unshare chroot; do
    command -v "$program" >/dev/null ||
        fail "there is no $program; apt-get install debootstrap git util-linux coreutils"
done

# uri ENDING: where apt finds the packages of a release whose name ends so.
uri() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
        awk -v name="^[a-z]+$1\$" '$2 ~ name && $3 == "main" && $4 == "Debian" { print $1; exit }'
}

if [ -z "$mirror" ]; then
    command -v apt-get >/dev/null || fail 'there is no apt to tell a mirror; use --mirror'
    mirror=$(uri '')
    [ -n "$mirror" ] || fail 'apt knows no mirror of Debian; use --mirror'
    security=$(uri -security)
else
    security=''
fi

logs=$builds/fresh
mkdir -p "$logs"
work=$(mktemp -d "${TMPDIR:-/var/tmp}/fisherd-fresh.XXXXXX")
bare=$work/bare
table=$work/table
child=''

# Whatever was mounted went with its namespace, so that nothing but the files is left.
clean_up() {
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if "$keep"; then
        say "the systems are left in $work"
    else
        rm -rf --one-file-system "$work" 2>/dev/null || {
            sleep 2 # a process was still about to end
            rm -rf --one-file-system "$work"
        }
    fi
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, or a signal would wait for its end.
run() {
    "$@" &
    child=$!
    status=0
    wait "$child" || status=$?
    child=''
    return "$status"
}

# With processes and mounts of its own, all of which end and vanish with it: also when debootstrap
# is stopped, which mounts something too. To be run in place of a subshell.
apart() {
    exec unshare --mount --pid --fork --kill-child --propagation private "$@"
}

# The certificates that this machine trusts, where it says so itself: its proxy may need them.
certificates() {
    for file in "${NODE_EXTRA_CA_CERTS:-}" "$(npm config get cafile 2>/dev/null || true)" \
        "${SSL_CERT_FILE:-}"; do
        [ -f "$file" ] || continue
        printf '%s\n' "$file"
        return
    done
}

# What apt and npm need to reach the network from here, they need inside as well.
connect() {
    cp -L /etc/resolv.conf /etc/hosts "$bare/etc/"
    {
        printf 'deb %s %s main\n' "$mirror" "$release" "$mirror" "$release-updates"
        [ -z "$security" ] || printf 'deb %s %s main\n' "$security" "$release-security"
    } >"$bare/etc/apt/sources.list"
    {
        apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries|Force)' || true
        for scheme in http https; do
            proxy=$(printenv "${scheme}_proxy" || true)
            [ -z "$proxy" ] || printf 'Acquire::%s::Proxy "%s";\n' "$scheme" "$proxy"
        done
    } >"$bare/etc/apt/apt.conf.d/00machine"
    for file in $(sed -n 's/.*CaInfo "\(.*\)";/\1/p' "$bare/etc/apt/apt.conf.d/00machine"); do
        mkdir -p "$bare/$(dirname -- "$file")"
        cp -L "$file" "$bare/$file"
    done

    : >"$work/environment"
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        ! printenv "$name" >/dev/null || printf '%s=%s\n' "$name" "$(printenv "$name")"
    done >>"$work/environment"
    registry=$(npm config get registry 2>/dev/null || true)
    [ -z "$registry" ] || printf 'npm_config_registry=%s\n' "$registry" >>"$work/environment"
    trusted=$(certificates)
    if [ -n "$trusted" ]; then
        cp -L "$trusted" "$bare/etc/machine.pem"
        printf '%s=/etc/machine.pem\n' NODE_EXTRA_CA_CERTS npm_config_cafile >>"$work/environment"
    fi
}

# No service starts in a folder. A mirror that is encrypted is of no use without certificates.
make_bare() {
    include=''
    case $mirror in
    https:*) include=--include=ca-certificates ;;
    esac
    log=$logs/$release-debootstrap.log
    # shellcheck disable=SC2086 # none, or one word
    run apart --mount-proc debootstrap --variant=minbase $include "$release" "$bare" "$mirror" \
        >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail 'debootstrap failed'
    }
    printf '#!/bin/sh\nexit 101\n' >"$bare/usr/sbin/policy-rc.d"
    chmod +x "$bare/usr/sbin/policy-rc.d"
    connect
}

# enter FOLDER COMMAND …: with terminals and shared memory of its own.
enter() {
    folder=$1
    shift
    # shellcheck disable=SC2016 # it is for the inner shell
    run apart sh -c '
        set -eu
        cd "$1"
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mkdir -p dev/pts dev/shm
        mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
        mount -t tmpfs -o mode=1777 tmpfs dev/shm
        shift
        exec chroot "$@"' enter "$folder" "$@"
}

# as NAME FOLDER COMMAND: a line of shell in the clone, with hardly anything in the environment.
as() {
    name=$1 folder=$2 home=/root
    [ "$name" = root ] || home=/home/$name
    set -- "$3"
    while read -r line; do
        set -- "$@" "$line"
    done <"$work/environment"
    command=$1
    shift
    enter "$folder" --userspec="$name:$name" --groups= . /usr/bin/env -i HOME="$home" USER="$name" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" \
        /bin/sh -c "cd && cd fisherd && $command"
}

# note NAME LABEL COMMAND FOLDER: runs a command of the README and adds its line to the table.
note() {
    log=$logs/$release-$2-$1.log
    say "$release, $1: $3 (see $log)"
    begun=$(date +%s)
    result=passed
    as "$1" "$4" "$3" >"$log" 2>&1 || {
        result='FAILED'
        failed=true
        tail -n 40 "$log" >&2
    }
    counted=''
    [ "$2" = demo ] || counted=$(sed -n -e 's/^== [0-9]* seconds, \([0-9]* skipped\)$/, \1/p' \
        -e 's/^[0-9]* passed, [0-9]* failed$/: &/p' "$log" | LC_ALL=C sort -r | tr -d '\n')
    printf '%s\t%s\t%s\t%s\t%s\n' "$release" "$3" "$1" "$(($(date +%s) - begun))" "$result$counted" >>"$table"
}

# system NAME: a copy of the bare system with that user and the clone.
system() {
    folder=$work/$1
    home=$folder/root
    cp -a "$bare" "$folder"
    if [ "$1" != root ]; then
        enter "$folder" . /bin/sh -c "apt-get update && apt-get install -y --no-install-recommends sudo &&
            useradd --create-home $1 && echo '$1 ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/$1" \
            >"$logs/$release-sudo.log" 2>&1 || fail "no sudo could be installed; see $logs/$release-sudo.log"
        home=$folder/home/$1
    fi
    git -c safe.directory='*' clone --quiet --no-hardlinks "$top" "$home/fisherd"
    [ "$1" = root ] || chroot "$folder" chown -R "$1:$1" "/home/$1"
}

failed=false
: >"$table"
say "a bare $release, from the mirror of this machine"
make_bare
if "$as_root"; then
    system root
    ! "$demo" || note root demo 'sh deploy/demo.sh --once' "$work/root"
    ! "$tests" || note root tests 'sh deploy/test.sh' "$work/root"
    "$keep" || rm -rf --one-file-system "$work/root"
fi
if "$as_user" && { "$demo" || "$user_tests"; }; then
    system fresh
    ! "$demo" || note fresh demo 'sh deploy/demo.sh --once' "$work/fresh"
    ! { "$tests" && "$user_tests"; } || note fresh tests 'sh deploy/test.sh' "$work/fresh"
fi

{
    printf 'release\tcommand\tuser\tseconds\tresult\n'
    cat "$table"
} | awk -F '\t' '{ printf "%-10s%-28s%-8s%8s  %s\n", $1, $2, $3, $4, $5 }'
! "$failed"
