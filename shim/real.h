/* The functions behind our wrappers: one pointer per row of trace/primitives.def, found by dlsym at the start. */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Of the C library, though its headers show them only to code that is compiled for it. */
int __poll_chk(struct pollfd *list, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *list, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);
int __vdprintf_chk(int fd, int flag, const char *format, va_list list);

struct real {
#define PRIM(ret, fn, params, args, kind, object, value, verb, ok)         ret(*fn) params;
#define PRIM_VOID(fn, params, args, kind, object, value, verb)             void(*fn) params;
#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)          ret(*fn) params;
#define COND(ret, fn, params, args, cond, mutex, verb, ok)                 ret(*fn) params;
#define HAND(fn, kind, verb)                                               __typeof__(&fn) fn;
#define FD_NEW(ret, fn, params, args, fd, state)                           ret(*fn) params;
#define FD_GONE(ret, fn, params, args, fd)                                 ret(*fn) params;
#define FD_RECEIVE(ret, fn, params, args, fd, waits, after)                ret(*fn) params;
#define FD_SEND(ret, fn, params, args, fd, to, size, bytes, waits, before) ret(*fn) params;
#include "trace/primitives.def"
};
extern struct real real;
void *real_late(const char *name);

/* A function that was not found yet: of a library that came later, or called before we were born. */
#define LATE(fn)                       \
    if (__builtin_expect(!real.fn, 0)) \
    *(void **)(void *)&real.fn = real_late(#fn)

#endif
