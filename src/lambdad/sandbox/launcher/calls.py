"""The system calls that a sandbox has use for, with their numbers on x86-64 and on arm64 (`-`: not there).

Facts: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; what each does is in
syscalls(2). Only `seccomp` reads this; docs/design/sandbox.md says what belongs here. Runs on Python 3.9 and later.
"""

from typing import Dict

LAST = 469
"""The highest number that this table was made with; whatever is above came later."""

_FILES = """
read 0 63, write 1 64, open 2 -, close 3 57, stat 4 -, fstat 5 80, lstat 6 -, poll 7 -, lseek 8 62, pread64 17 67,
pwrite64 18 68, readv 19 65, writev 20 66, access 21 -, pipe 22 -, select 23 -, dup 32 23, dup2 33 -, sendfile 40 71,
fcntl 72 25, flock 73 32, fsync 74 82, fdatasync 75 83, truncate 76 45, ftruncate 77 46, getdents 78 -, getcwd 79 17,
chdir 80 49, fchdir 81 50, rename 82 -, mkdir 83 -, rmdir 84 -, creat 85 -, link 86 -, unlink 87 -, symlink 88 -,
readlink 89 -, chmod 90 -, fchmod 91 52, chown 92 -, fchown 93 55, lchown 94 -, umask 95 166, statfs 137 43,
fstatfs 138 44, utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, getdents64 217 61, openat 257 56,
mkdirat 258 34, fchownat 260 54, newfstatat 262 79, unlinkat 263 35, renameat 264 38, linkat 265 37, symlinkat 266 36,
readlinkat 267 78, fchmodat 268 53, faccessat 269 48, pselect6 270 72, ppoll 271 73, splice 275 76, tee 276 77,
vmsplice 278 75, sync 162 81, sync_file_range 277 84, syncfs 306 267, fallocate 285 47, fadvise64 221 223,
readahead 187 213, dup3 292 24, pipe2 293 59, preadv 295 69, pwritev 296 70, preadv2 327 286, pwritev2 328 287,
renameat2 316 276, copy_file_range 326 285, statx 332 291, close_range 436 436, openat2 437 437, faccessat2 439 439,
cachestat 451 451, fchmodat2 452 452, file_getattr 468 468, file_setattr 469 469, setxattr 188 5, lsetxattr 189 6,
fsetxattr 190 7, getxattr 191 8, lgetxattr 192 9, fgetxattr 193 10, listxattr 194 11, llistxattr 195 12,
flistxattr 196 13, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16, setxattrat 463 463, getxattrat 464 464,
listxattrat 465 465, removexattrat 466 466
"""
"""Files: by name, by descriptor, and what is said of them."""
_MEMORY = """
mmap 9 222, mprotect 10 226, munmap 11 215, brk 12 214, mremap 25 216, msync 26 227, mincore 27 232, madvise 28 233,
mlock 149 228, munlock 150 229, mlockall 151 230, munlockall 152 231, mlock2 325 284, memfd_create 319 279,
pkey_mprotect 329 288, pkey_alloc 330 289, pkey_free 331 290, membarrier 324 283, mbind 237 235, set_mempolicy 238 237,
get_mempolicy 239 236, map_shadow_stack 453 453, mseal 462 462
"""
"""Memory."""
_PROCESSES = """
fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, exit 60 93, exit_group 231 94, wait4 61 260, waitid 247 95,
getpid 39 172, getppid 110 173, gettid 186 178, getpgrp 111 -, setpgid 109 154, getpgid 121 155, setsid 112 157,
getsid 124 156, kill 62 129, tkill 200 130, tgkill 234 131, pidfd_open 434 434, pidfd_send_signal 424 424,
set_tid_address 218 96, futex 202 98, futex_waitv 449 449, futex_wake 454 454, futex_wait 455 455, futex_requeue 456 456,
set_robust_list 273 99, get_robust_list 274 100, rseq 334 293, arch_prctl 158 -, sched_yield 24 124,
sched_setparam 142 118, sched_getparam 143 121, sched_setscheduler 144 119, sched_getscheduler 145 120,
sched_get_priority_max 146 125, sched_get_priority_min 147 126, sched_rr_get_interval 148 127, sched_setaffinity 203 122,
sched_getaffinity 204 123, sched_setattr 314 274, sched_getattr 315 275, getpriority 140 141, setpriority 141 140,
ioprio_get 252 31, ioprio_set 251 30, getrlimit 97 163, setrlimit 160 164, prlimit64 302 261, getrusage 98 165,
times 100 153, restart_syscall 219 128, getcpu 309 168, uretprobe 335 -, uprobe 336 -
"""
"""Processes and threads."""
_USERS = """
getuid 102 174, getgid 104 176, geteuid 107 175, getegid 108 177, setuid 105 146, setgid 106 144, setreuid 113 145,
setregid 114 143, getgroups 115 158, setgroups 116 159, setresuid 117 147, getresuid 118 148, setresgid 119 149,
getresgid 120 150, setfsuid 122 151, setfsgid 123 152, capget 125 90
"""
"""Users and capabilities: nobody inside has any to give."""
_TIME = """
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigpending 127 136, rt_sigtimedwait 128 137,
rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, rt_sigsuspend 130 133, sigaltstack 131 132, signalfd 282 -,
signalfd4 289 74, pause 34 -, alarm 37 -, nanosleep 35 101, getitimer 36 102, setitimer 38 103, timer_create 222 107,
timer_settime 223 110, timer_gettime 224 108, timer_getoverrun 225 109, timer_delete 226 111, timerfd_create 283 85,
timerfd_settime 286 86, timerfd_gettime 287 87, clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115,
gettimeofday 96 169, time 201 -
"""
"""Signals, timers and clocks."""
_EVENTS = """
epoll_create 213 -, epoll_wait 232 -, epoll_ctl 233 21, epoll_pwait 281 22, epoll_create1 291 20, epoll_pwait2 441 441,
eventfd 284 -, eventfd2 290 19, inotify_init 253 -, inotify_init1 294 26, inotify_add_watch 254 27,
inotify_rm_watch 255 28, io_setup 206 0, io_destroy 207 1, io_getevents 208 4, io_submit 209 2, io_cancel 210 3,
io_pgetevents 333 292
"""
"""Waiting for events."""
_SOCKETS = """
connect 42 203, accept 43 202, accept4 288 242, sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212,
sendmmsg 307 269, recvmmsg 299 243, shutdown 48 210, bind 49 200, listen 50 201, getsockname 51 204, getpeername 52 205,
getsockopt 55 209
"""
"""Sockets, once they are there."""
_IPC = """
shmget 29 194, shmat 30 196, shmctl 31 195, shmdt 67 197, semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192,
msgget 68 186, msgsnd 69 189, msgrcv 70 188, msgctl 71 187, mq_open 240 180, mq_unlink 241 181, mq_timedsend 242 182,
mq_timedreceive 243 183, mq_notify 244 184, mq_getsetattr 245 185
"""
"""System V's and POSIX's ways between processes."""
_SYSTEM = """
uname 63 160, sysinfo 99 179, getrandom 318 278, seccomp 317 277, landlock_create_ruleset 444 444,
landlock_add_rule 445 445, landlock_restrict_self 446 446
"""
"""The system, and what a process forbids itself."""
_CHECKED = """
clone 56 220, clone3 435 435, socket 41 198, socketpair 53 199, setsockopt 54 208, ioctl 16 29, prctl 157 167,
personality 135 92, mknod 133 -, mknodat 259 33, setns 308 268, capset 126 91, io_uring_setup 425 425,
io_uring_enter 426 426, io_uring_register 427 427, memfd_secret 447 447
"""
"""Not simply allowed: `seccomp` says what becomes of each."""
_COLUMNS = {"x86_64": 1, "aarch64": 2}


def allowed(machine: str) -> "Dict[str, int]":
    """Name and number of what is allowed whatever its arguments. `machine` as in uname(2); KeyError for another one."""
    return _numbers(machine, ", ".join((_FILES, _MEMORY, _PROCESSES, _USERS, _TIME, _EVENTS, _SOCKETS, _IPC, _SYSTEM)))


def checked(machine: str) -> "Dict[str, int]":
    return _numbers(machine, _CHECKED)


def _numbers(machine: str, table: str) -> "Dict[str, int]":
    column = _COLUMNS[machine]
    calls = [call.split() for call in table.split(",")]
    return {call[0]: int(call[column]) for call in calls if call[column] != "-"}
