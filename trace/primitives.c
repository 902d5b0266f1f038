/* The tables of trace/primitives.h, filled from the .def files. */
#include "trace/primitives.h"

const struct trace_verb_facts trace_verbs[VERB_COUNT] = {
#define VERB(name, before, after, text) {(before), (after), #name, text},
#include "trace/verbs.def"
#undef VERB
};

const struct trace_primitive_facts trace_primitives[PRIMITIVE_COUNT] = {
    {"none", TRACE_OBJECT_NONE, VERB_OTHER_ID},
#define ROW(fn, kind, verb)                                                {#fn, TRACE_OBJECT_##kind, VERB_##verb##_ID},
#define PRIM(ret, fn, params, args, kind, object, value, verb, ok)         ROW(fn, kind, verb)
#define PRIM_VOID(fn, params, args, kind, object, value, verb)             ROW(fn, kind, verb)
#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)          ROW(fn, kind, verb)
#define COND(ret, fn, params, args, cond, mutex, verb, ok)                 ROW(fn, COND, verb)
#define HAND(fn, kind, verb)                                               ROW(fn, kind, verb)
#define FD_NEW(ret, fn, params, args, fd, state)                           ROW(fn, FD, OPEN)
#define FD_GONE(ret, fn, params, args, fd)                                 ROW(fn, FD, CLOSE)
#define FD_RECEIVE(ret, fn, params, args, fd, waits, after)                ROW(fn, FD, RECEIVE)
#define FD_SEND(ret, fn, params, args, fd, to, size, bytes, waits, before) ROW(fn, FD, SEND)
#include "trace/primitives.def"
#define GO(id, symbol, ret, params, kind, verb) {symbol, TRACE_OBJECT_##kind, VERB_##verb##_ID},
#include "trace/go.def"
#define NOTE(fn, kind, verb)           ROW(fn, kind, verb)
#define NOTE_BEGIN                     NOTE
#define NOTE_END(fn, kind, verb, good) ROW(fn, kind, verb)
#define NOTE_HAND                      NOTE
#include "trace/annotations.def"
#undef ROW
#undef GO
};

const char *const trace_object_kind_text[TRACE_OBJECT_KIND_COUNT] = {"nothing",
#define X(name, text) text,
                                                                     TRACE_OBJECT_KINDS(X)
#undef X
};

const char *const trace_fd_text[TRACE_FD_COUNT] = {
#define X(name, text) text,
    TRACE_FDS(X)
#undef X
};

const char *const trace_misuse_text[TRACE_MISUSE_COUNT] = {"",
#define X(name, text) text,
                                                           TRACE_MISUSES(X)
#undef X
};

const char *const trace_misuse_name[TRACE_MISUSE_COUNT] = {"none",
#define X(name, text) #name,
                                                           TRACE_MISUSES(X)
#undef X
};
