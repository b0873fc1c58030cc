"""The default seccomp profile: what a container may ask of Linux, by capability.

Default-deny.  It starts from Docker's newest profile (moby/profiles, 2025) and is tighter where
SECURITY.md says so: only four socket families and the harmless netlink protocols, no modify_ldt, and no
i386 or x32 at all.  What stands nowhere here is refused with EPERM; what is newer than all that stands
here does not exist (ENOSYS).

Refused to all but who is given the capability: new and old mount API, namespaces, bpf, perf,
handles, clocks, modules.  Refused to everyone: io_uring, keys, userfaultfd, kexec, swap, pivot_root,
AF_ALG, AF_VSOCK.
"""

from __future__ import annotations

from collections.abc import Iterable

from .bpf import Condition
from .seccomp import ALLOW, EINVAL, ENOSYS, EPERM, ERRNO, Profile, Rule

_FILES = """
    access cachestat chdir chmod chown close close_range copy_file_range creat dup dup2 dup3
    faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown
    fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync
    ftruncate futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch
    inotify_init inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listmount
    listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat
    name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64
    pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename
    renameat renameat2 rmdir sendfile setxattr setxattrat splice stat statfs statmount statx symlink
    symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes
    vmsplice write writev
"""

_EVENTS = """
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_setup
    io_submit poll ppoll pselect6 select signalfd signalfd4 timerfd_create timerfd_gettime
    timerfd_settime
"""

_MEMORY = """
    brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall
    mmap mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_mrelease remap_file_pages
"""

# ptrace and process_vm_* reach only processes of the same user namespace
_PROCESSES = """
    capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv
    futex_wake get_robust_list get_thread_area getcpu getegid geteuid getgid getgroups getpgid
    getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid
    ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
    pause pidfd_open pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace
    restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
    rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
    set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setpgid
    setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack tgkill
    tkill uretprobe vfork wait4 waitid
"""

_MESSAGES = """
    accept accept4 bind connect getpeername getsockname getsockopt listen mq_getsetattr mq_notify
    mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd recvfrom recvmmsg
    recvmsg semctl semget semop semtimedop sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt
    shmget shutdown
"""

_TIME_AND_SYSTEM = """
    adjtimex alarm arch_prctl clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer
    getrandom gettimeofday nanosleep setitimer sysinfo time timer_create timer_delete
    timer_getoverrun timer_gettime timer_settime times uname
"""

_BY_CAPABILITY = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie
        lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree
        perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount2 unshare
    """,
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime settimeofday",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}

# CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}; NEWTIME cannot be given to clone
_NAMESPACE_FLAGS = 0x7E020000

# as Docker: Linux, 32-bit Linux, each also with UNAME26, and the query
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _AF_PACKET = 1, 2, 10, 16, 17
_NETLINK_AUDIT = 9
# ROUTE, SOCK_DIAG, KOBJECT_UEVENT, GENERIC: what `ip`, `ss` and libudev ask without privilege
_NETLINK_PROTOCOLS = (0, 4, 15, 16)


def default_profile(capabilities: Iterable[str]) -> Profile:
    """Return the rules for a container with these capabilities (full names)."""
    held = set(capabilities)
    texts = [_FILES, _EVENTS, _MEMORY, _PROCESSES, _MESSAGES, _TIME_AND_SYSTEM]
    texts += [text for capability, text in _BY_CAPABILITY.items() if capability in held]
    rules = [Rule(tuple(" ".join(texts).split()), ALLOW)]
    rules += [Rule(("personality",), ALLOW, (_is(0, value),)) for value in _PERSONALITIES]
    if "CAP_SYS_ADMIN" not in held:
        no_namespace = Condition(0, "MASKED_EQ", 0, _NAMESPACE_FLAGS)
        rules.append(Rule(("clone",), ALLOW, (no_namespace,)))
        # its flags lie in memory, out of a filter's sight; C libraries fall back to clone
        rules.append(Rule(("clone3",), ERRNO | ENOSYS))
    rules += _socket_rules(held)
    return Profile(ERRNO | EPERM, tuple(rules))


def _socket_rules(held: set[str]) -> list[Rule]:
    families = [_AF_UNIX, _AF_INET, _AF_INET6]
    if "CAP_NET_RAW" in held:
        families.append(_AF_PACKET)
    rules = [Rule(("socket",), ALLOW, (_is(0, family),)) for family in families]
    netlink = _is(0, _AF_NETLINK)
    if "CAP_NET_ADMIN" in held:
        other = Condition(2, "NE", _NETLINK_AUDIT)
        rules.append(Rule(("socket",), ALLOW, (netlink, other)))
    else:
        rules += [Rule(("socket",), ALLOW, (netlink, _is(2, n))) for n in _NETLINK_PROTOCOLS]
    if "CAP_AUDIT_WRITE" in held:
        rules.append(Rule(("socket",), ALLOW, (netlink, _is(2, _NETLINK_AUDIT))))
    else:
        # libaudit takes this for "no audit here"; after EPERM, programs such as useradd give up
        rules.append(Rule(("socket",), ERRNO | EINVAL, (netlink, _is(2, _NETLINK_AUDIT))))
    rules.append(Rule(("socketpair",), ALLOW, (_is(0, _AF_UNIX),)))
    return rules


def _is(argument: int, value: int) -> Condition:
    return Condition(argument, "EQ", value)
