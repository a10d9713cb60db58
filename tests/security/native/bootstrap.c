/* A function in C that asks the kernel for what no function should get, by system calls of its own.
 *
 * For every event it answers {"attempt": errno, …}, 0 for what succeeded and -N for a child that was ended by signal N.
 * It talks to the Runtime API with one connection for each request, as plainly as that goes. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char answer[16384];

static void note(const char *name, int result)
{
    sprintf(answer + strlen(answer), "%s\"%s\": %d", answer[1] ? ", " : "", name, result);
}

#define TRY(name, ...) (errno = 0, note(name, syscall(__VA_ARGS__) < 0 ? errno : 0))

/* In a child, since success would change the caller, and some attempts end it. */
#define TRY_APART(name, ...)                                                                                                   \
    do {                                                                                                                       \
        int status = 0;                                                                                                        \
        pid_t child = fork();                                                                                                  \
        if (child == 0)                                                                                                        \
            _exit(syscall(__VA_ARGS__) < 0 ? errno : 0);                                                                       \
        waitpid(child, &status, 0);                                                                                            \
        note(name, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));                                             \
    } while (0)

static void namespaces(void)
{
    static const int kinds[] = {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET,
                                0x02000000 /* CLONE_NEWCGROUP */, 0x80 /* CLONE_NEWTIME */};
    static const char *const spaces[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
    char name[128];
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        sprintf(name, "unshare %#x", kinds[i]);
        TRY_APART(name, SYS_unshare, kinds[i]);
        sprintf(name, "clone %#x", kinds[i]);
        long child = syscall(SYS_clone, kinds[i] | SIGCHLD, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        note(name, child < 0 ? errno : 0);
    }
    for (unsigned i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        for (int other = 0; other < 2; other++) {
            char path[64];
            sprintf(path, "/proc/%s/ns/%s", other ? "1" : "self", spaces[i]);
            sprintf(name, "setns %s", path);
            int fd = open(path, O_RDONLY);
            if (fd < 0)
                note(name, errno);
            else
                TRY_APART(name, SYS_setns, fd, 0);
            close(fd);
        }
    }
}

static void mounts(void)
{
    TRY("mount tmpfs", SYS_mount, "none", "/tmp", "tmpfs", 0L, "");
    TRY("mount proc", SYS_mount, "proc", "/tmp", "proc", 0L, "");
    TRY("mount bind", SYS_mount, "/", "/tmp", NULL, 4096L, NULL);
    TRY("remount", SYS_mount, NULL, "/", NULL, 32L, NULL);
    TRY("umount proc", SYS_umount2, "/proc", 2L);
    TRY("pivot_root", SYS_pivot_root, "/tmp", "/tmp");
    TRY_APART("chroot", SYS_chroot, "/tmp");
    TRY("open_tree", 428L, -100L, "/", 1L);
    TRY("fsopen", 430L, "tmpfs", 0L);
    TRY("mount_setattr", 442L, -100L, "/", 0L, answer, 32L);
    TRY("quotactl", SYS_quotactl, 0L, NULL, 0L, NULL);
    TRY("name_to_handle_at", SYS_name_to_handle_at, -100L, "/", answer, answer, 0L);
    TRY("open_by_handle_at", SYS_open_by_handle_at, -100L, answer, 0L);
    TRY("fanotify_init", SYS_fanotify_init, 0L, 0L);
    TRY("mknod disk", SYS_mknodat, -100L, "/tmp/disk", S_IFBLK | 0600L, (long)makedev(254, 0));
    TRY("mknod mem", SYS_mknodat, -100L, "/tmp/mem", S_IFCHR | 0600L, (long)makedev(1, 1));
    TRY("hard link", SYS_linkat, -100L, "/usr/bin/env", -100L, "/tmp/env", 0L);
    TRY("swapon", SYS_swapon, "/tmp", 0L);
}

static void others(void)
{
    char word[8];
    struct iovec here = {word, sizeof word}, there = {(void *)0x400000, sizeof word};
    TRY("ptrace attach", SYS_ptrace, (long)PTRACE_ATTACH, 1L, 0L, 0L);
    TRY("ptrace seize", SYS_ptrace, (long)PTRACE_SEIZE, 1L, 0L, 0L);
    TRY_APART("ptrace traceme", SYS_ptrace, (long)PTRACE_TRACEME, 0L, 0L, 0L);
    TRY("process_vm_readv", SYS_process_vm_readv, 1L, &here, 1L, &there, 1L, 0L);
    TRY("process_vm_writev", SYS_process_vm_writev, 1L, &here, 1L, &there, 1L, 0L);
    TRY("kcmp", SYS_kcmp, 1L, (long)getpid(), 0L, 0L, 0L);
    TRY("memory of process 1", SYS_openat, -100L, "/proc/1/mem", (long)O_RDWR);
    TRY("root of process 1", SYS_openat, -100L, "/proc/1/root/etc", (long)O_RDONLY);
    TRY("descriptors of process 1", SYS_openat, -100L, "/proc/1/fd/0", (long)O_RDONLY);
    int fd = syscall(434L, 1L, 0L); /* pidfd_open */
    TRY("pidfd_getfd", 438L, (long)fd, 3L, 0L);
    TRY("setuid", SYS_setuid, 0L);
    TRY("setresuid", SYS_setresuid, 0L, 0L, 0L);
    TRY("setgroups", SYS_setgroups, 1L, word);
}

static void kernel(void)
{
    TRY("bpf", SYS_bpf, 0L, answer, 64L);
    TRY("perf_event_open", SYS_perf_event_open, answer, 0L, -1L, -1L, 0L);
    TRY("userfaultfd", SYS_userfaultfd, 0L);
    TRY("userfaultfd for user mode", SYS_userfaultfd, 1L);
    TRY("io_uring_setup", 425L, 8L, answer);
    TRY("keyctl", SYS_keyctl, 0L, -3L, 1L);
    TRY("add_key", SYS_add_key, "user", "name", "x", 1L, -3L);
    TRY("init_module", SYS_init_module, answer, 10L, "");
    TRY("kexec_load", SYS_kexec_load, 0L, 0L, NULL, 0L);
    TRY("reboot", SYS_reboot, 0xfee1deadL, 672274793L, 0x01234567L, NULL);
    TRY("syslog", SYS_syslog, 3L, answer, 100L);
    TRY("acct", SYS_acct, "/tmp/acct");
    TRY("clock_settime", SYS_clock_settime, 0L, "0123456789abcdef");
    TRY("sethostname", SYS_sethostname, "x", 1L);
    TRY("personality", SYS_personality, 0x0400000L /* READ_IMPLIES_EXEC */);
    TRY("clone3", 435L, answer, 0L);
    TRY("a call of the future", 600L, 0L);
    TRY("packet socket", SYS_socket, (long)AF_PACKET, (long)SOCK_RAW, 0L);
    TRY("raw socket", SYS_socket, (long)AF_INET, (long)SOCK_RAW, 1L);
    TRY("vsock", SYS_socket, 40L, (long)SOCK_STREAM, 0L);
    TRY("crypto socket", SYS_socket, 38L, (long)SOCK_SEQPACKET, 0L);
    TRY("netfilter", SYS_socket, 16L, (long)SOCK_RAW, 12L);
    TRY("SCTP", SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 132L);
    TRY("TIOCSTI", SYS_ioctl, 0L, (long)TIOCSTI, "x");
#ifdef __x86_64__
    TRY("iopl", SYS_iopl, 3L);
    TRY("modify_ldt", SYS_modify_ldt, 0L, answer, 16L);
    TRY_APART("x32", SYS_getpid | 0x40000000);
    pid_t child = fork();
    if (child == 0) {
        int result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid of i386 */
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    note("i386", WIFSIGNALED(status) ? -WTERMSIG(status) : 0);
#endif
}

static void host(void)
{
    static const char *const files[] = {"/etc/shadow", "/root/.bashrc", "/proc/kcore", "/proc/kmsg", "/proc/1/environ", "/dev/mem",
                                        "/dev/kmsg", "/dev/vda", "/dev/sda", "/sys/kernel", "/run/docker.sock", "/.lambdad/host",
                                        "/proc/1/root/etc/shadow", "/proc/self/root/etc/shadow"};
    char name[128];
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        sprintf(name, "open %s", files[i]);
        TRY(name, SYS_openat, -100L, files[i], (long)O_RDONLY);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("HOST_PORT")))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    TRY("connect to the host", SYS_connect, (long)fd, &address, (long)sizeof address);
    close(fd);
    TRY("signal to the host", SYS_kill, atol(getenv("HOST_PID")), 9L);
    TRY("trace of the host", SYS_openat, -100L, "/proc/2147483647/mem", (long)O_RDWR);
    for (long pid = 3; pid < 1000; pid++) {
        if (pid != getpid())
            syscall(SYS_kill, pid, 9L);
    }
    syscall(SYS_kill, -1L, 9L);
    syscall(SYS_kill, 1L, 9L);
}

static size_t ask(const char *request, char *reply, size_t most)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(strchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        exit(2);
    if (write(fd, request, strlen(request)) < 0)
        exit(3);
    size_t have = 0;
    ssize_t got;
    while (have < most - 1 && (got = read(fd, reply + have, most - 1 - have)) > 0)
        have += got;
    reply[have] = 0;
    close(fd);
    return have;
}

int main(void)
{
    static char reply[65536], request[32768], id[64];
    for (;;) {
        ask("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n", reply, sizeof reply);
        char *found = strcasestr(reply, "lambda-runtime-aws-request-id:");
        if (!found || sscanf(found + 30, " %63[-0-9a-f]", id) != 1)
            return 4;
        strcpy(answer, "{");
        namespaces();
        mounts();
        others();
        kernel();
        host();
        strcat(answer, "}");
        sprintf(request,
                "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                id, strlen(answer), answer);
        ask(request, reply, sizeof reply);
    }
}
