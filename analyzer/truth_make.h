/*
 * Traces of races of machine accesses, and the analysis of them, for the tests of truth.h. The pcs
 * below 0x8000 lie in a module that was patched.
 */
#ifndef ANALYZER_TRUTH_MAKE_H
#define ANALYZER_TRUTH_MAKE_H

#include "analyzer/analysis.h"
#include "analyzer/trace_make.h"

#define READ4   (2u << 4)
#define WRITE4  (READ4 | TRACE_KIND_WRITE)
#define READ8   (3u << 4)
#define WRITE8  (READ8 | TRACE_KIND_WRITE)
#define WRITE16 (4u << 4 | TRACE_KIND_WRITE)
#define READ16  (4u << 4)
#define LOAD16  (7u << 4) /* at once */
#define STORE16 (LOAD16 | TRACE_KIND_WRITE)
#define AVX16   (8u << 4) /* a load */
#define BOTH4   (WRITE4 | TRACE_KIND_BOTH)
#define LOCKED4 (WRITE4 | TRACE_KIND_ATOMIC)
#define WORD    UINT64_C(0xf)
#define WIDE    UINT64_C(0xffff)
#define PLACE   UINT64_C(0x10000)
#define FLAG    UINT64_C(0x20000)
#define A       1u /* streams of the two tasks; they are tasks 2 and 3 */
#define B       2u

struct outcome {
    struct analysis analysis;
    struct trace_make *make;
};

void truth_make_module(struct trace_make *make, uint64_t low, uint64_t high, uint32_t flags,
                       const char *path);
/* Main creates two tasks, which run on streams A and B. */
struct trace_make *truth_make_tasks(void);
/* The trace becomes the outcome's. */
void outcome_analyze(struct outcome *outcome, struct trace_make *make);
void outcome_free(struct outcome *outcome);

#endif
