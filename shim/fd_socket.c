/*
 * Sockets: which conduits a descriptor leads to.
 *
 * A socket pair's are known when it is made. Two sockets of this process that are connected by an address are found by the
 * address: a connection is named by its two ports (local sockets: by the server's name), the same at both ends, so that no
 * end needs to know the other. That costs an edge's bookkeeping at each write; so it is done only where the other end can
 * be here: for an accepted socket, if some connect() of this process went to that port before; for a connecting one, if
 * this process listens there. Both are noted before the kernel can make the connection.
 *
 * The order errs on the side of more: addresses are not compared, only ports; all clients of one local server share their
 * two conduits; unnamed local sockets of unknown origin share one.
 */
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shim/conduit.h"
#include "shim/fd.h"
#include "shim/io.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"

static uint32_t listening[2048], connecting[2048]; /* a bit for each port */
static volatile uint32_t
    inherited_listener; /* some accept()ed socket listens, though not by listen() here */
static volatile uint32_t epoch;

uint16_t fd_epoch(void)
{
    return (uint16_t)epoch;
}

static bool port_has(const uint32_t *ports, uint16_t port)
{
    return __atomic_load_n(&ports[port / 32], __ATOMIC_RELAXED) >> port % 32 & 1;
}

/* Sockets that were looked at before are looked at anew: fd_know. */
static void port_add(uint32_t *ports, uint16_t port)
{
    uint32_t bit = UINT32_C(1) << port % 32;
    if (!(__atomic_fetch_or(&ports[port / 32], bit, __ATOMIC_RELAXED) & bit))
        __atomic_fetch_add(&epoch, 1, __ATOMIC_RELAXED);
}

/* ---- addresses ---- */

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* The kernel's answer, or an empty address. `call`: SYS_getsockname or SYS_getpeername. */
static socklen_t address_ask(long call, int fd, union address *address)
{
    socklen_t size = sizeof *address;
    raw_zero(address, sizeof *address);
    return raw3(call, fd, address, &size) < 0 ? 0 : size;
}

static uint16_t port_of(const union address *address)
{
    uint16_t port = address->any.sa_family == AF_INET    ? address->in.sin_port
                    : address->any.sa_family == AF_INET6 ? address->in6.sin6_port
                                                         : 0;
    return (uint16_t)(port << 8 | port >> 8);
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return (address->in.sin_addr.s_addr & 0xff) == 127 || !address->in.sin_addr.s_addr;
    const uint32_t *words = (const uint32_t *)(const void *)&address->in6.sin6_addr;
    bool mapped = !words[0] && !words[1] && words[2] == 0xffff0000u;
    return (!words[0] && !words[1] && !words[2]) || (mapped && (words[3] & 0xff) == 127);
}

/* FNV-1a of a local socket's name; 0: it has none. */
static uint64_t name_hash(const union address *address, socklen_t size)
{
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    const uint8_t *name = (const uint8_t *)address->local.sun_path;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (address->any.sa_family != AF_UNIX || size <= head)
        return 0;
    for (size_t i = 0; i < size - head && i < sizeof address->local.sun_path; i++) {
        if (i && name[0] && !name[i])
            break;
        hash = (hash ^ name[i]) * UINT64_C(0x100000001b3);
    }
    return hash | 1;
}

static struct object *keyed(struct thread *thread, enum conduit_tag tag, uint64_t value)
{
    return conduit_found(thread, TRACE_OBJECT_SOCKET, CONDUIT_KEY(tag, value));
}

static uint64_t two_ways(struct object *in, struct object *out)
{
    return FD_STATE(SOCKET) | FD_IN(in) | FD_OUT(out) | FD_READS | FD_WRITES;
}

/* ---- what a socket is ---- */

static int option(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return raw5(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static uint64_t identify_local(struct thread *thread, int fd)
{
    union address own, peer;
    struct ucred maker = {0, 0, 0};
    socklen_t size = sizeof maker;
    socklen_t own_size = address_ask(SYS_getsockname, fd, &own);
    socklen_t peer_size = address_ask(SYS_getpeername, fd, &peer);
    if (!peer_size)
        return FD_STATE(SOCKET); /* not connected */
    uint64_t own_name = name_hash(&own, own_size), peer_name = name_hash(&peer, peer_size);
    if (!own_name && !peer_name) {
        struct object *any = keyed(thread, CONDUIT_UNKNOWN, 0);
        return two_ways(any, any);
    }
    raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &maker, &size);
    if (maker.pid != (pid_t)raw0(SYS_getpid))
        return FD_STATE(SOCKET);
    if (own_name)
        return two_ways(keyed(thread, CONDUIT_LOCAL, own_name),
                        keyed(thread, CONDUIT_LOCAL_BACK, own_name));
    return two_ways(keyed(thread, CONDUIT_LOCAL_BACK, peer_name),
                    keyed(thread, CONDUIT_LOCAL, peer_name));
}

/* One direction of a connection. When both of its ends have been seen here, no other process has part in it. */
static struct object *direction(struct thread *thread, uint64_t ports, uint32_t reader,
                                uint32_t writer)
{
    bool old = object_find(thread, CONDUIT_KEY(CONDUIT_CONNECTION, ports), TRACE_OBJECT_SOCKET);
    struct object *object = keyed(thread, CONDUIT_CONNECTION, ports);
    if (!object)
        return NULL;
    if (!old)
        object_private(object)->children = fd_children;
    object->shown.readers |= reader;
    object->shown.owner_count |= writer;
    if (object->shown.readers && object->shown.owner_count)
        __atomic_fetch_and(&object->shown.flags, ~TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
    return object;
}

static uint64_t identify_connection(struct thread *thread, int fd)
{
    union address own, peer;
    if (!address_ask(SYS_getpeername, fd, &peer) || !address_ask(SYS_getsockname, fd, &own))
        return FD_STATE(SOCKET);
    uint64_t here = port_of(&own), there = port_of(&peer);
    bool client = inherited_listener ? is_loopback(&peer) : port_has(listening, (uint16_t)there);
    if (!here || !there || (!client && !port_has(connecting, (uint16_t)here)))
        return FD_STATE(SOCKET);
    return two_ways(direction(thread, there << 16 | here, 1, 0),
                    direction(thread, here << 16 | there, 0, 1));
}

/* The descriptor is given up: the ports may be another connection's next time. */
void fd_disconnected(uint64_t state)
{
    struct object *const ends[] = {fd_in(state), fd_out(state)};
    for (int i = 0; i < 2; i++)
        if (ends[i] && ends[i]->shown.address >> 48 == CONDUIT_KEY(CONDUIT_CONNECTION, 0) >> 48) {
            __atomic_fetch_or(&ends[i]->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
            ends[i]->shown.readers = ends[i]->shown.owner_count = 0;
        }
}

static uint64_t identify_datagram(struct thread *thread, int fd, int family)
{
    union address own, peer;
    socklen_t own_size = address_ask(SYS_getsockname, fd, &own);
    socklen_t peer_size = address_ask(SYS_getpeername, fd, &peer);
    uint64_t state = FD_STATE(DATAGRAM) | FD_READS | FD_WRITES;
    if (family == AF_UNIX) {
        uint64_t own_name = name_hash(&own, own_size), peer_name = name_hash(&peer, peer_size);
        struct object *in = own_name ? keyed(thread, CONDUIT_LOCAL, own_name) : NULL;
        struct object *out = peer_name ? keyed(thread, CONDUIT_LOCAL, peer_name) : NULL;
        if (peer_size && !own_name && !peer_name)
            in = out = keyed(thread, CONDUIT_UNKNOWN, 0);
        return state | FD_IN(in) | FD_OUT(out) | FD_EXTRA(FD_UNNAMED);
    }
    uint16_t here = port_of(&own), there = port_of(&peer);
    if (here)
        state |= FD_EXTRA(here) | FD_IN(keyed(thread, CONDUIT_DATAGRAM, here));
    if (there && is_loopback(&peer))
        state |= FD_OUT(keyed(thread, CONDUIT_DATAGRAM, there));
    return state;
}

uint64_t fd_identify_socket(struct thread *thread, int fd, uint64_t flags)
{
    int family = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
    uint64_t state;
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6) {
        state = FD_STATE(OTHER);
    } else if (type == SOCK_DGRAM) {
        state = identify_datagram(thread, fd, family);
    } else if (option(fd, SO_ACCEPTCONN) > 0) {
        union address own;
        address_ask(SYS_getsockname, fd, &own);
        state = FD_STATE(LISTEN) | FD_EXTRA(port_of(&own));
    } else {
        state = family == AF_UNIX ? identify_local(thread, fd) : identify_connection(thread, fd);
    }
    if (fd_type(state) == TRACE_FD_SOCKET && !fd_in(state))
        state |= FD_EXTRA(fd_epoch());
    return state | flags;
}

/* Where a datagram goes: to a socket of this process, if it goes to this machine. */
struct object *fd_destination(struct thread *thread, const void *to, uint32_t size)
{
    union address address;
    if (!to || size < sizeof address.any.sa_family)
        return NULL;
    raw_zero(&address, sizeof address);
    raw_copy(&address, to, size < sizeof address ? size : sizeof address);
    if (address.any.sa_family == AF_UNIX)
        return keyed(thread, CONDUIT_LOCAL, name_hash(&address, size));
    if ((address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6) &&
        is_loopback(&address))
        return keyed(thread, CONDUIT_DATAGRAM, port_of(&address));
    return NULL;
}

/* ---- wrappers ---- */

EXPORT int socketpair(int family, int type, int protocol, int pair[2])
{
    LATE(socketpair);
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    int result = real.socketpair(family, type, protocol, pair);
    struct thread *thread = result == 0 && !fd_foreign_process() ? thread_enter() : NULL;
    if (!thread)
        return result;
    struct object *to[2];
    uint32_t stack = stack_here(thread, pc, frame);
    for (int i = 0; i < 2; i++) {
        struct stat facts = {.st_ino = 0};
        raw2(SYS_fstat, pair[i], &facts);
        to[i] = conduit_make(thread, TRACE_OBJECT_SOCKET, facts.st_ino, 1, 1, stack);
    }
    thread_leave(thread);
    uint64_t kind = FD_READS | FD_WRITES | fd_flags(type) |
                    ((type & 15) == SOCK_DGRAM ? FD_STATE(DATAGRAM) : FD_STATE(SOCKET));
    fd_opened(pair[0], kind | FD_IN(to[0]) | FD_OUT(to[1]), pc);
    fd_opened(pair[1], kind | FD_IN(to[1]) | FD_OUT(to[0]), pc);
    return result;
}

EXPORT int socket(int family, int type, int protocol)
{
    LATE(socket);
    uintptr_t pc = RETURN_PC;
    int result = real.socket(family, type, protocol);
    bool stream = (family == AF_UNIX || family == AF_INET || family == AF_INET6) &&
                  ((type & 15) == SOCK_STREAM || (type & 15) == SOCK_SEQPACKET);
    fd_opened(result,
              stream ? FD_STATE(SOCKET) | FD_EXTRA(fd_epoch()) | fd_flags(type) : FD_STATE(UNKNOWN),
              pc);
    return result;
}

/* Its name may be what others send datagrams to. */
EXPORT int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    LATE(bind);
    int result = real.bind(fd, address, size);
    if (result == 0 && fd_type(fd_peek(fd)) == TRACE_FD_DATAGRAM && !fd_in(fd_peek(fd)))
        fd_note(fd, FD_STATE(UNKNOWN));
    return result;
}

EXPORT int listen(int fd, int backlog)
{
    LATE(listen);
    struct thread *thread = thread_enter();
    if (thread) {
        union address own;
        socklen_t size = address_ask(SYS_getsockname, fd, &own);
        uint16_t port = port_of(&own);
        uint64_t name = name_hash(&own, size);
        if (port)
            port_add(listening, port);
        if (port || name)
            conduit_end(thread, keyed(thread, CONDUIT_LISTEN, port ? port : name));
        fd_note(fd, FD_STATE(LISTEN) | FD_EXTRA(port) | (fd_peek(fd) & (FD_NONBLOCK | FD_TIMED)));
        if (!port && !name)
            fd_note(fd, FD_STATE(UNKNOWN)); /* the kernel chooses a port: to be asked for */
        thread_leave(thread);
    }
    return real.listen(fd, backlog);
}

/* What stands for the connections to an address: connect is before the accept that takes it. */
static struct object *server_object(struct thread *thread, const union address *address,
                                    socklen_t size, bool make)
{
    uint64_t key = port_of(address) ? port_of(address) : name_hash(address, size);
    if (!key)
        return NULL;
    return make ? keyed(thread, CONDUIT_LISTEN, key)
                : object_find(thread, CONDUIT_KEY(CONDUIT_LISTEN, key), TRACE_OBJECT_SOCKET);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t size)
{
    LATE(connect);
    uintptr_t pc = RETURN_PC;
    IO(io);
    union address address;
    struct object *server = NULL;
    uint64_t state = FD_STATE(PLAIN);
    if (io_enter_any(&io, PRIMITIVE_connect, fd)) {
        raw_zero(&address, sizeof address);
        if (to.__sockaddr__)
            raw_copy(&address, to.__sockaddr__, size < sizeof address ? size : sizeof address);
        state = io.state;
        if (fd_type(state) == TRACE_FD_SOCKET) {
            if (port_of(&address))
                port_add(connecting, port_of(&address));
            server = server_object(io.thread, &address, size, true);
            if (server)
                conduit_end(io.thread, server);
            io_block(&io, NULL, 1, 0);
        }
        io_leave(&io);
    }
    int result = real.connect(fd, to, size);
    int error = errno;
    if (io_return(&io)) {
        bool under_way = result == 0 || error == EINPROGRESS || error == EINTR;
        if (under_way)
            fd_note(fd, fd_identify_socket(io.thread, fd, state & (FD_NONBLOCK | FD_TIMED)));
        if (result == 0 && server)
            conduit_take(io.thread, server, pc);
        if (under_way && !fd_in(fd_peek(fd)) && fd_type(state) == TRACE_FD_SOCKET)
            fd_note(fd, 0); /* not connected yet: to be asked again when it is used */
        io_leave(&io);
    }
    errno = error;
    return result;
}

static void accepted(struct io *io, int fd, int result, int flags, uintptr_t pc)
{
    if (result < 0)
        return;
    fd_opened(result, 0, pc);
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    uint16_t port = fd_extra(io->state);
    union address own;
    if (fd_type(io->state) == TRACE_FD_LISTEN && port && !port_has(listening, port)) {
        inherited_listener = 1;
        port_add(listening, port);
    }
    if (!port || port_has(connecting, port)) {
        socklen_t size = address_ask(SYS_getsockname, fd, &own);
        struct object *server = server_object(thread, &own, size, false);
        if (server)
            conduit_take(thread, server, pc);
        fd_note(result, fd_identify_socket(thread, result, fd_flags(flags)));
    } else {
        fd_note(result, FD_STATE(SOCKET) | FD_EXTRA(fd_epoch()) | fd_flags(flags));
    }
    thread_leave(thread);
}

#define ACCEPT(fn, params, args, flags)          \
    EXPORT int fn params                         \
    {                                            \
        LATE(fn);                                \
        uintptr_t pc = RETURN_PC;                \
        IO(io);                                  \
        if (io_enter(&io, PRIMITIVE_##fn, fd)) { \
            io_block(&io, NULL, 1, 0);           \
            io_leave(&io);                       \
        }                                        \
        int result = real.fn args;               \
        if (io_return(&io))                      \
            io_leave(&io);                       \
        accepted(&io, fd, result, flags, pc);    \
        return result;                           \
    }

ACCEPT(accept, (int fd, __SOCKADDR_ARG from, socklen_t *restrict size), (fd, from, size), 0)
ACCEPT(accept4, (int fd, __SOCKADDR_ARG from, socklen_t *restrict size, int flags),
       (fd, from, size, flags), flags)

/* Both ends learn of it: the other one reads the end of the stream, a reader here is woken. */
EXPORT int shutdown(int fd, int how)
{
    LATE(shutdown);
    struct thread *thread = fd_alone() ? NULL : thread_enter();
    if (thread) {
        uint64_t state = fd_know(thread, fd);
        if (fd_in(state))
            conduit_end(thread, fd_in(state));
        if (fd_out(state) && fd_out(state) != fd_in(state))
            conduit_end(thread, fd_out(state));
        thread_leave(thread);
    }
    return real.shutdown(fd, how);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    LATE(setsockopt);
    int result = real.setsockopt(fd, level, name, value, size);
    if (result == 0 && level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
        fd_flag(fd, FD_TIMED, 0);
    return result;
}
