/*
 * The trace directory. We keep one descriptor of it, moved out of the host's way; the host may close it or put something
 * else in its place, so it is checked against the directory's identity before each use and reopened by path if need be.
 */
#include "shim/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stream.h"
#include "shim/table.h"
#include "shim/task.h"
#include "shim/volume.h"

#define FD_FROM   500 /* above what hosts count up to, below the usual limit of 1024 */

/* Of a file system so much is left free, but not more than: */
#define KEPT_PART 64u
#define KEPT_MOST (UINT64_C(256) << 20)

volatile uint32_t directory_active;
char directory_path[1024];
static int directory_fd = -1;
static uint64_t directory_device, directory_inode;
static struct spin activating;
static bool directory_made; /* exists, and is what these identify */

static bool directory_is(int fd)
{
    struct stat status;
    long result = raw2(SYS_fstat, fd, &status);
    return !RAW_FAILED(result) && status.st_dev == directory_device &&
           status.st_ino == directory_inode;
}

static void directory_keep(int fd)
{
    long high = raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FD_FROM);
    if (RAW_FAILED(high))
        high = raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 64);
    directory_fd = RAW_FAILED(high) ? -1 : (int)high;
    raw1(SYS_close, fd);
}

static int directory_open(void)
{
    return (int)raw3(SYS_open, directory_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* What we keep stands among the host's descriptors, and the path may lead there no more (chroot). */
static int directory_apart(void)
{
    int fd = directory_open();
    if (fd >= 0 && directory_is(fd))
        return fd;
    if (fd >= 0)
        raw1(SYS_close, fd);
    int kept = directory_fd;
    fd = kept < 0 ? -ENOENT : apart_borrow(kept);
    if (fd < 0 || directory_is(fd))
        return fd;
    raw1(SYS_close, fd);
    return -ESTALE;
}

static int directory_entry(const char *name, int flags)
{
    flags |= O_CLOEXEC | O_NOFOLLOW;
    if (apart_is()) {
        int folder = directory_apart();
        return folder < 0 ? folder : (int)raw4(SYS_openat, folder, name, flags, 0600);
    }
    if (directory_fd >= 0 && directory_is(directory_fd))
        return (int)raw4(SYS_openat, directory_fd, name, flags, 0600);
    directory_fd = -1;
    int fd = directory_open();
    if (fd < 0)
        return fd;
    if (!directory_is(fd)) {
        raw1(SYS_close, fd);
        return -ESTALE;
    }
    int file = (int)raw4(SYS_openat, fd, name, flags, 0600);
    directory_keep(fd);
    return file;
}

/* The host's umask may keep even the owner out; it is one for all threads, so it stays as it is. */
int directory_file(const char *name, bool create)
{
    int fd = directory_entry(name, O_RDWR | (create ? O_CREAT | O_EXCL : 0));
    if (fd >= 0 && create)
        raw2(SYS_fchmod, fd, 0600);
    return fd;
}

/* The directory that we have just made, too. A link that somebody puts in its place is not followed. */
static void directory_open_to_owner(void)
{
    struct stat status;
    long fd = raw3(SYS_open, directory_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (raw2(SYS_fstat, fd, &status) == 0 && (status.st_mode & 0777) != 0700) {
        char path[64];
        size_t used = 0;
        raw_append(path, sizeof path, &used, "/proc/self/fd/");
        raw_append_number(path, sizeof path, &used, (uint64_t)fd);
        raw2(SYS_chmod, path, 0700);
    }
    raw1(SYS_close, fd);
}

/* A file size limit would be a SIGXFSZ for the host; so ask the limit first. */
static bool size_allowed(uint64_t size)
{
    struct {
        uint64_t soft, hard;
    } limit = {~UINT64_C(0), 0};
    raw4(SYS_prlimit64, 0, 1 /* RLIMIT_FSIZE */, 0, &limit);
    return size <= limit.soft;
}

/* The last of a file system is for who else writes there: the program above all. */
static bool space_allowed(int fd, uint64_t size)
{
    struct statfs status;
    if (raw2(SYS_fstatfs, fd, &status) != 0 || status.f_blocks == 0)
        return true;
    uint64_t kept = status.f_blocks / KEPT_PART * (uint64_t)status.f_bsize;
    return (size + (kept < KEPT_MOST ? kept : KEPT_MOST)) / (uint64_t)status.f_bsize <
           status.f_bavail;
}

static int refused(int fd, uint64_t offset, uint64_t size)
{
    return !size_allowed(offset + size) ? -EFBIG : !space_allowed(fd, size) ? -ENOSPC : 0;
}

int directory_write(int fd, const void *bytes, uint64_t size, uint64_t offset)
{
    int error = refused(fd, offset, size);
    if (error)
        return error;
    for (uint64_t done = 0; done < size;) {
        long result =
            raw4(SYS_pwrite64, fd, (const uint8_t *)bytes + done, size - done, offset + done);
        if (result <= 0)
            return result < 0 ? (int)result : -ENOSPC;
        done += (uint64_t)result;
    }
    volume_add(size);
    return 0;
}

int directory_reserve(int fd, uint64_t offset, uint64_t size)
{
    int refusal = refused(fd, offset, size);
    if (refusal)
        return refusal;
    long result = raw4(SYS_fallocate, fd, 0, offset, size);
    if (result == 0)
        volume_add(size);
    if (result != -EOPNOTSUPP && result != -ENOSYS)
        return (int)result;
    static const char zeros[4096];
    for (uint64_t done = 0; done < size; done += sizeof zeros) {
        int error = directory_write(fd, zeros, sizeof zeros, offset + done);
        if (error)
            return error;
    }
    return 0;
}

void directory_header(struct trace_file_header *header, uint32_t kind, uint32_t slot_size,
                      uint32_t stream)
{
    const struct trace_process *process = process_record();
    *header = (struct trace_file_header){
        .magic = TRACE_MAGIC,
        .version = TRACE_VERSION,
        .kind = (uint16_t)kind,
        .slot_size = slot_size,
        .data_offset = kind == TRACE_FILE_ACCESS ? TRACE_ACCESS_OFFSET
                       : kind == TRACE_FILE_SYNC ? TRACE_SYNC_OFFSET
                                                 : TRACE_TABLE_OFFSET,
        .pid = process->pid,
        .stream = stream,
        .start_ns = process->start_ns,
    };
}

void directory_lost(int error)
{
    struct trace_process *process = process_record();
    if (!process->lost_errno)
        process->lost_errno = (uint32_t)error;
}

void directory_forget(void)
{
    if (directory_made && directory_fd >= 0 && directory_is(directory_fd))
        raw1(SYS_close, directory_fd);
    directory_fd = -1;
    directory_made = false;
    directory_active = 0;
    spin_reset(&activating);
}

void directory_unused(void)
{
    if (!directory_made || directory_active)
        return;
    raw1(SYS_rmdir, directory_path);
    directory_forget();
}

static void path_make(bool with_pid, uint32_t attempt)
{
    size_t used = 0, size = sizeof(char[1024]);
    directory_path[0] = 0;
    const char *wanted = shim_options.trace_dir;
    if (wanted[0] != '/') {
        raw_append(directory_path, size, &used, process_record()->directory);
        raw_append(directory_path, size, &used, "/");
    }
    raw_append(directory_path, size, &used, wanted[0] ? wanted : "gorocheck");
    if (with_pid) {
        raw_append(directory_path, size, &used, ".");
        raw_append_number(directory_path, size, &used, process_record()->pid);
    }
    if (attempt) {
        raw_append(directory_path, size, &used, ".");
        raw_append_number(directory_path, size, &used, attempt + 1);
    }
}

/* The first free name: DIR itself for the first process, DIR.<pid> for its children, DIR.<pid>.2 after an exec. */
static int directory_create(void)
{
    bool given = shim_options.trace_dir[0] != 0;
    for (uint32_t attempt = 0; attempt < 100; attempt++) {
        bool plain = given && attempt == 0;
        path_make(!plain, given && attempt ? attempt - 1 : attempt);
        long made = raw2(SYS_mkdir, directory_path, 0700);
        if (made == 0)
            directory_open_to_owner();
        if (made != -EEXIST)
            return (int)made;
    }
    return -EEXIST;
}

static void stream_to_disk(struct thread *thread, void *data)
{
    (void)data;
    stream_follow(&thread->sync);
}

static bool directory_make(void)
{
    if (directory_made)
        return true;
    int error = directory_create();
    int fd = error ? error : directory_open();
    if (fd < 0)
        return false;
    struct stat status;
    raw2(SYS_fstat, fd, &status);
    directory_device = status.st_dev;
    directory_inode = status.st_ino;
    directory_keep(fd);
    return directory_made = true;
}

void directory_give(uint32_t user)
{
    if (!directory_make())
        return; /* said when there is something to record */
    int fd = directory_entry(".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return;
    raw3(SYS_fchown, fd, user, ~0u);
    struct entry {
        uint64_t inode;
        int64_t offset;
        uint16_t size;
        uint8_t type;
        char name[];
    };
    static_assert(offsetof(struct entry, name) == 19, "struct linux_dirent64");
    uint8_t buffer[2048] __attribute__((aligned(8)));
    long got;
    while ((got = raw3(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            if (entry->name[0] != '.')
                raw5(SYS_fchownat, fd, entry->name, user, ~0u, AT_SYMLINK_NOFOLLOW);
            at += entry->size;
        }
    }
    raw1(SYS_close, fd);
}

/*
 * The file of a program that will be gone before the trace is looked at: the go command removes what it built for `go test`
 * and `go run`. By another name, or as a copy, it stays with its trace; where neither is to be had, only names are lost.
 */
static void executable_keep(void)
{
    static const char mark[] = "/go-build";
    const char *path = process_record()->executable;
    while (*path && !raw_equal_n(path, mark, sizeof mark - 1))
        path++;
    int folder = *path ? directory_entry(".", O_RDONLY | O_DIRECTORY) : -1;
    if (folder < 0)
        return;
    long linked =
        raw5(SYS_linkat, AT_FDCWD, "/proc/self/exe", folder, "executable", AT_SYMLINK_FOLLOW);
    raw1(SYS_close, folder);
    if (linked != -EXDEV)
        return;
    long from = raw3(SYS_open, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
    int to = from < 0 ? -1 : directory_file("executable", true);
    while (to >= 0 && raw4(SYS_sendfile, to, from, NULL, 1 << 20) > 0)
        ;
    if (to >= 0)
        raw1(SYS_close, to);
    if (from >= 0)
        raw1(SYS_close, from);
}

/* That a trace is not whole for another reason than that its process was killed meanwhile. */
static void write_failed(void)
{
    int mark = directory_file("failed", true);
    if (mark >= 0)
        raw1(SYS_close, mark);
    shim_message("cannot write the trace in ", directory_path, ": nothing is recorded", NULL);
    shim_off("the trace could not be written");
}

static void activate(void)
{
    if (!directory_make()) {
        shim_message("cannot make the trace directory ", directory_path, ": nothing is recorded",
                     NULL);
        shim_off("the trace directory could not be made");
        return;
    }
#define X(table) &table,
    struct table *const tables[] = {TABLES(X)};
#undef X
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!table_share(tables[i])) {
            directory_active = 1;
            write_failed();
            return;
        }
    }
    directory_active = 1;
    task_each_thread(stream_to_disk, NULL);
    executable_keep();
}

void directory_activate(void)
{
    spin_lock(&activating);
    if (!directory_active)
        activate();
    spin_unlock(&activating);
}
