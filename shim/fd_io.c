/*
 * Reads and writes: the rows FD_RECEIVE and FD_SEND of trace/primitives.def, and by hand what moves bytes from one
 * descriptor to another. What they touch of the caller's memory is made known where the caller is instrumented: before a
 * write is published, after a read has learned.
 */
#include "shim/conduit.h"
#include "shim/io.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/touch.h"

/* ---- descriptors in messages ---- */

typedef void (*rights_visit)(int fd, uintptr_t pc);

static void rights_each(const struct msghdr *message, rights_visit visit, uintptr_t pc)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
         part = CMSG_NXTHDR((struct msghdr *)(uintptr_t)message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        const int *fds = (const int *)(const void *)CMSG_DATA(part);
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
        for (size_t i = 0; i < count; i++)
            visit(fds[i], pc);
    }
}

static void rights_new(int fd, uintptr_t pc)
{
    fd_opened(fd, FD_STATE(UNKNOWN), pc);
}

void fd_share(int fd)
{
    struct object *const ends[] = {fd_in(fd_peek(fd)), fd_out(fd_peek(fd))};
    for (int i = 0; i < 2; i++)
        if (ends[i])
            __atomic_fetch_or(&ends[i]->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
}

static void rights_old(int fd, uintptr_t pc)
{
    (void)pc;
    fd_share(fd);
}

/* ---- messages to several ---- */

/* Of the first one the row takes care. */
static void destinations(int fd, const struct mmsghdr *messages, unsigned count, uintptr_t pc,
                         uintptr_t frame)
{
    struct thread *thread = fd_alone() || count < 2 ? NULL : thread_enter();
    if (!thread)
        return;
    bool datagrams = fd_type(fd_know(thread, fd)) == TRACE_FD_DATAGRAM;
    for (unsigned i = 1; i < count && datagrams; i++) {
        const struct msghdr *message = &messages[i].msg_hdr;
        struct object *object = fd_destination(thread, message->msg_name, message->msg_namelen);
        if (object)
            conduit_put(thread, object, stack_here(thread, pc, frame));
    }
    thread_leave(thread);
}

/* ---- the wrappers ---- */

#define WAITS(flags) ((flags)&MSG_DONTWAIT ? 0 : 1)
#define WROTE(p, n)           \
    if (record && result > 0) \
    WRITE(p, (size_t)result < (n) ? (size_t)result : (n))
#define WROTE_WHOLE(p) \
    if (record)        \
    WRITE(p, sizeof *(p))
#define WROTE_VECTOR(v, c) \
    if (record)            \
    VECTOR(v, c, (size_t)result, TRACE_KIND_WRITE)
#define WROTE_MESSAGE(m, total) \
    if (record)                 \
    VECTOR((m)->msg_iov, (int)(m)->msg_iovlen, (size_t)(total), TRACE_KIND_WRITE)
#define WROTE_MESSAGES(m)                              \
    for (int i = 0; i < result; i++) {                 \
        WROTE_MESSAGE(&(m)[i].msg_hdr, (m)[i].msg_len) \
        RIGHTS_TAKEN(&(m)[i].msg_hdr)                  \
    }
#define MESSAGE(m) \
    if (record)    \
    VECTOR((m)->msg_iov, (int)(m)->msg_iovlen, SIZE_MAX, 0)
#define MESSAGES(m, count)                   \
    for (unsigned i = 0; i < (count); i++) { \
        MESSAGE(&(m)[i].msg_hdr)             \
        RIGHTS_GIVEN(&(m)[i].msg_hdr)        \
    }                                        \
    destinations(fd, m, count, pc, (uintptr_t)__builtin_frame_address(0));
#define RIGHTS_TAKEN(m)      \
    if ((m)->msg_controllen) \
        rights_each(m, rights_new, pc);
#define RIGHTS_GIVEN(m)      \
    if ((m)->msg_controllen) \
        rights_each(m, rights_old, pc);

#define AS_GIVEN(...) __VA_ARGS__
#define FD_RECEIVE(ret, fn, params, args, fd, waits, after)                  \
    EXPORT ret fn params;                                                    \
    EXPORT ret fn params                                                     \
    {                                                                        \
        LATE(fn);                                                            \
        uintptr_t pc = RETURN_PC;                                            \
        if (PRIMITIVE_##fn == PRIMITIVE_read && UNLIKELY(stack_unwinding())) \
            return (ret)stack_system(SYS_read, AS_GIVEN args);               \
        IO(io);                                                              \
        io_receive(&io, PRIMITIVE_##fn, fd, waits);                          \
        ret result = real.fn args;                                           \
        io_received(&io, result >= 0);                                       \
        bool record = recorded(pc);                                          \
        (void)record;                                                        \
        if (result >= 0) {                                                   \
            after;                                                           \
        }                                                                    \
        return result;                                                       \
    }
#define FD_SEND(ret, fn, params, args, fd, to, size, bytes, waits, before)   \
    EXPORT ret fn params;                                                    \
    EXPORT ret fn params                                                     \
    {                                                                        \
        LATE(fn);                                                            \
        uintptr_t pc = RETURN_PC;                                            \
        bool record = recorded(pc);                                          \
        (void)record;                                                        \
        before;                                                              \
        IO(io);                                                              \
        io_send(&io, PRIMITIVE_##fn, fd, to, size, bytes, waits);            \
        ret result = real.fn args;                                           \
        io_sent(&io, result < 0 && (errno == EPIPE || errno == ECONNRESET)); \
        return result;                                                       \
    }
#undef READ
#undef VECTOR
#define READ(p, n) \
    if (record)    \
    access_slow((uintptr_t)(p), n, KIND_RANGE, pc)
#define VECTOR(v, count, total, kind) touch_vector(v, count, total, kind, pc);
#include "trace/primitives.def"

/* ---- from descriptor to descriptor: it waits for the reading side first, then for room (any will do) ---- */

#define MOVE(fn, params, args, from, to)                                       \
    EXPORT ssize_t fn params                                                   \
    {                                                                          \
        LATE(fn);                                                              \
        IO(out);                                                               \
        IO(in);                                                                \
        int waits = flags & SPLICE_F_NONBLOCK ? 0 : 1;                         \
        io_receive(&in, PRIMITIVE_##fn, from, waits);                          \
        io_send(&out, PRIMITIVE_##fn, to, NULL, 0, 1, in.blocked ? 0 : waits); \
        ssize_t result = real.fn args;                                         \
        io_received(&in, result >= 0);                                         \
        io_sent(&out, result < 0 && errno == EPIPE);                           \
        return result;                                                         \
    }

MOVE(splice, (int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags),
     (from, from_at, to, to_at, n, flags), from, to)
MOVE(tee, (int from, int to, size_t n, unsigned flags), (from, to, n, flags), from, to)

/* Into a pipe, or, by its reading end, out of it. */
EXPORT ssize_t vmsplice(int fd, const struct iovec *v, size_t count, unsigned flags)
{
    LATE(vmsplice);
    uintptr_t pc = RETURN_PC;
    bool record = recorded(pc);
    int waits = flags & SPLICE_F_NONBLOCK ? 0 : 1;
    IO(io);
    if ((fd_peek(fd) & (FD_READS | FD_WRITES)) == FD_READS) {
        io_receive(&io, PRIMITIVE_vmsplice, fd, waits);
        ssize_t result = real.vmsplice(fd, v, count, flags);
        io_received(&io, result >= 0);
        if (record && result > 0)
            VECTOR(v, (int)count, (size_t)result, TRACE_KIND_WRITE)
        return result;
    }
    if (record)
        VECTOR(v, (int)count, SIZE_MAX, 0)
    io_send(&io, PRIMITIVE_vmsplice, fd, NULL, 0, 1, waits);
    ssize_t result = real.vmsplice(fd, v, count, flags);
    io_sent(&io, result < 0 && errno == EPIPE);
    return result;
}
