/*
 * The tables of verbs and primitives as enums and arrays of facts, for both sides. The function wrappers are made from
 * the same rows in shim/interpose.c.
 */
#ifndef TRACE_PRIMITIVES_H
#define TRACE_PRIMITIVES_H

#include <stdint.h>

#include "trace/format.h"

#define VERB_MAY_BLOCK    0x1u
#define VERB_TIMED        0x2u   /* the wait has a deadline */
#define VERB_ACQUIRE      0x4u   /* the task is after what the object's clock holds */
#define VERB_RELEASE      0x8u   /* replaces the object's clock */
#define VERB_RELEASE_JOIN 0x10u  /* joins into the object's clock */
#define VERB_HOLD         0x20u  /* the task holds the object from here on */
#define VERB_DROP         0x40u  /* ... no longer */
#define VERB_SHARED       0x80u  /* holds it along with others */
#define VERB_TRY          0x100u /* cannot deadlock: it gives up */
#define VERB_WAKE         0x200u /* lets waiters go on */
#define VERB_TAKE         0x400u /* takes one of what was posted */
#define VERB_USE          0x800u /* the object must be live */
#define VERB_INIT_CHECK   0x1000u
#define VERB_INIT         0x2000u
#define VERB_END          0x4000u
#define VERB_CONSISTENT   0x8000u

enum trace_verb {
#define VERB(name, before, after, text) VERB_##name##_ID,
#include "trace/verbs.def"
#undef VERB
    VERB_COUNT
};

enum trace_primitive {
    PRIMITIVE_NONE,
#define PRIM(ret, fn, params, args, kind, object, value, verb, ok)         PRIMITIVE_##fn,
#define PRIM_VOID(fn, params, args, kind, object, value, verb)             PRIMITIVE_##fn,
#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)          PRIMITIVE_##fn,
#define COND(ret, fn, params, args, cond, mutex, verb, ok)                 PRIMITIVE_##fn,
#define HAND(fn, kind, verb)                                               PRIMITIVE_##fn,
#define FD_NEW(ret, fn, params, args, fd, state)                           PRIMITIVE_##fn,
#define FD_GONE(ret, fn, params, args, fd)                                 PRIMITIVE_##fn,
#define FD_RECEIVE(ret, fn, params, args, fd, waits, after)                PRIMITIVE_##fn,
#define FD_SEND(ret, fn, params, args, fd, to, size, bytes, waits, before) PRIMITIVE_##fn,
#include "trace/primitives.def"
#define GO(id, symbol, ret, params, kind, verb) PRIMITIVE_##id,
#include "trace/go.def"
#undef GO
#define NOTE(fn, kind, verb)           PRIMITIVE_##fn,
#define NOTE_BEGIN                     NOTE
#define NOTE_END(fn, kind, verb, good) PRIMITIVE_##fn,
#define NOTE_HAND                      NOTE
#include "trace/annotations.def"
    PRIMITIVE_COUNT
};

/* Is it a wait of Go's own? Those behind are of programs that tell of theirs (annotations.def). */
static inline int trace_is_go(uint32_t primitive)
{
    return primitive >= PRIMITIVE_go_statement && primitive <= PRIMITIVE_go_span;
}

struct trace_verb_facts {
    uint32_t before, after;
    const char *name, *text;
};

struct trace_primitive_facts {
    const char *name;
    enum trace_object_kind kind;
    enum trace_verb verb;
};

extern const struct trace_verb_facts trace_verbs[VERB_COUNT];
extern const struct trace_primitive_facts trace_primitives[PRIMITIVE_COUNT];
extern const char *const trace_object_kind_text[TRACE_OBJECT_KIND_COUNT];
extern const char *const trace_fd_text[TRACE_FD_COUNT];
extern const char *const
    trace_misuse_text[TRACE_MISUSE_COUNT]; /* "unlock of an unlocked": the object's kind follows */
extern const char *const trace_misuse_name[TRACE_MISUSE_COUNT]; /* "unlock-not-locked" */

#endif
