/* What the verbs do: see call.c and trace/verbs.def. */
#ifndef SHIM_CALL_H
#define SHIM_CALL_H

#include "shim/object.h"
#include "shim/shim.h"

struct call {
    struct thread *thread; /* NULL: pass through */
    struct object *object, *mutex;
    uint32_t primitive;
    bool guarded; /* the guard is up */
    bool blocked; /* the task is marked as blocked */
    bool rejoin;  /* a condition wait gave up the mutex and must be taken to hold it again */
    uint64_t round;
    uint32_t kind;
    uint32_t stack;      /* captured once, if at all */
    uint32_t held_count; /* of a mutex given up by a condition wait */
    uintptr_t pc, frame, value, address;
};

bool call_enter(struct call *call, uint32_t primitive, uint32_t kind, uintptr_t address,
                uintptr_t value, uint32_t before);
void call_block(struct call *call, uint32_t before);
/* The real function may take a while, or take signals: guard down. */
void call_pause(struct call *call);
/* ok: 0 it failed, 1 it succeeded, 2 it succeeded and its former owner had died */
void call_return(struct call *call, uint32_t ok, uint32_t after);
bool call_wait_enter(struct call *call, uint32_t primitive, uintptr_t cond, uintptr_t mutex,
                     uint32_t before);
void call_wait_return(struct call *call, bool relocked);
void call_leave(struct call *call);
/* A trylock of lock.h has got a lock whose owner had died. */
void call_taken_over(struct thread *thread, struct object *object, uintptr_t pc, uintptr_t frame);

/* The stack of the call, captured once. */
uint32_t call_stack(struct call *call);

#endif
