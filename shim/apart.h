/* Work that opens files, beside the host's descriptors. See apart.c. */
#ifndef SHIM_APART_H
#define SHIM_APART_H

#include "shim/shim.h"

/* Calls work(data), while other threads run with descriptors of its own: none at first, and none when it has returned. It may
 * be called on another thread of the kernel's, whose thread-local storage is the caller's. */
void apart(void (*work)(void *), void *data);
/* A filter of system calls may kill for it. */
extern volatile bool apart_off;
/* Is this work that has descriptors of its own? */
bool apart_is(void);
/* One read of this file there: bytes, or -errno. Of /proc, the process's: a thread's is not the caller's. */
long apart_read(const char *path, char *text, size_t size);
/* There: a descriptor of what the process has at this number, or -errno. */
int apart_borrow(int number);

/*
 * Such a thread counts against the program's limit of threads (RLIMIT_NPROC), and may be what it is refused another one for.
 * How many have begun; and whether there may have been one since then, which is waited for: then another try is worth it.
 */
uint32_t apart_begun(void);
bool apart_over(uint32_t *known);
#define APART_AGAIN(attempt, refused)                                       \
    do {                                                                    \
        uint32_t tries_ = 0, known_ = apart_begun();                        \
        do                                                                  \
            attempt;                                                        \
        while (UNLIKELY(refused) && apart_over(&known_) && ++tries_ < 100); \
    } while (0)
void apart_fork_child(void); /* the parent's threads are not here */

#endif
