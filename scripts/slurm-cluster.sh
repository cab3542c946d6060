#!/usr/bin/env bash
# A Slurm of three nodes on this machine, for the tests and for trying out what docs/scale-out.md says. Needs root.
# usage: slurm-cluster.sh start DIR    starts it, with all its files in DIR; then export SLURM_CONF=DIR/slurm.conf
#        slurm-cluster.sh stop DIR     ends it, with all that runs in it
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# = 2 ] || die "usage: slurm-cluster.sh start|stop DIR"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
host=$(hostname -s)

# The daemons that run, by their files.
daemons() {
    local file
    for file in "$dir"/*.pid; do
        [ -e "$file" ] && pgrep -F "$file" 2>/dev/null
    done
    true
}

configuration() {
    cat <<CONF
ClusterName=minions
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is queued anew waits for its credential to expire.
AuthInfo=socket=$dir/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.%n.log
SchedulerParameters=sched_interval=1
ReturnToService=2
SlurmdTimeout=4
KillWait=2
MaxArraySize=100
NodeName=n0 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17003 CPUs=2
PartitionName=all Nodes=n0,n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
}

start() {
    [ "$(id -u)" = 0 ] || die "Slurm's daemons need root."
    [ -z "$(daemons)" ] || die "It runs already: $0 stop $dir"
    local missing=()
    command -v slurmctld >/dev/null || missing+=(slurmctld)
    command -v slurmd >/dev/null || missing+=(slurmd)
    command -v sbatch >/dev/null || missing+=(slurm-client)
    command -v munged >/dev/null || missing+=(munge)
    [ ${#missing[@]} = 0 ] || need_packages "${missing[@]}"
    mkdir -p "$dir/state"
    configuration >"$dir/slurm.conf"
    export SLURM_CONF=$dir/slurm.conf
    [ -e "$dir/munge.key" ] || mungekey --create --keyfile "$dir/munge.key"
    munged --force --key-file "$dir/munge.key" --socket "$dir/munge.socket" --pid-file "$dir/munge.pid" \
        --log-file "$dir/munge.log" --seed-file "$dir/munge.seed" 2>>"$dir/munge.log"
    slurmctld -f "$dir/slurm.conf"
    local node tries
    for node in n0 n1 n2; do
        slurmd -f "$dir/slurm.conf" -N "$node"
    done
    for tries in $(seq 150); do
        [ "$(sinfo --noheader --states=idle --format=%D 2>/dev/null)" = 3 ] && return
        sleep 0.2
    done
    tail -n 5 "$dir"/*.log >&2
    die "Slurm does not start; its logs are in $dir."
}

stop() {
    local tries pids
    SLURM_CONF=$dir/slurm.conf scancel --state=RUNNING 2>/dev/null || true
    for tries in $(seq 25); do
        [ -z "$(SLURM_CONF=$dir/slurm.conf squeue --noheader --states=RUNNING,COMPLETING 2>/dev/null)" ] && break
        sleep 0.2
    done
    pids=$(daemons)
    [ -z "$pids" ] || kill $pids
    # They write their state as they end.
    for tries in $(seq 50); do
        [ -z "$(daemons)" ] && return
        sleep 0.2
    done
    die "Slurm's daemons do not end: $(daemons | tr '\n' ' ')"
}

case $1 in
start) start ;;
stop) stop ;;
*) die "usage: slurm-cluster.sh start|stop DIR" ;;
esac
