/* Threads that run Go's code, brought to a stand: see go_halt.c. Only at the end of the process. */
#ifndef SHIM_GO_HALT_H
#define SHIM_GO_HALT_H

#include "shim/go.h"

/* Real-time; the handlers at the end of the process have run by now. Also of go_work.c, afterwards. */
#define GO_HALT_SIGNAL    62
#define GO_HALTED_GENERAL 16u /* words: REG_R8 to REG_RSP */
#define GO_HALTED_VECTOR \
    32u /* words: xmm0 to xmm15; as many for the upper halves of ymm0 to ymm15 */

struct go_halted {
    const struct thread *thread;
    uint32_t tid;
    volatile uint32_t state;
    bool calls; /* left alone, since its goroutine was in this system call */
    uint32_t call;
    bool deaf;     /* left alone, since it blocks signals; it had used so much of the processor */
    uint64_t used; /* or when it was first asked */
    uintptr_t g;
    uint64_t sp;
    uint32_t count;
    uint64_t words[GO_HALTED_GENERAL + 2 * GO_HALTED_VECTOR]; /* its registers */
};

/* True: nobody but `self` runs Go's code any more. After go_halt_end() this may be done again. */
bool go_halt(const struct thread *self);
/* True: and nobody has, since then. */
bool go_halt_held(void);
/* They go on, also if not all could be halted. */
void go_halt_end(void);
/* The thread that runs `g`, NULL: none that is halted. */
const struct go_halted *go_halt_find(uintptr_t g);
/* Processor time of a thread. */
uint64_t go_used_by(uint32_t tid);
/* Does it run, or would it if it were given a processor? */
bool go_would_run(uint32_t tid);

#endif
