/* All findings of a trace that a test has made, in words. To be included behind cmocka.h. */
#ifndef ANALYZER_EXPECT_MAKE_H
#define ANALYZER_EXPECT_MAKE_H

#include <stdlib.h>

#include "analyzer/trace_make.h"

/* "deadlock wait-cycle proved; blocked waits-for-stuck proved x2; " for the trace made, or why it cannot be read; to be
 * freed. */
char *expect_findings(struct trace_make *make);

/* That this is `expected`; and frees what was made. */
#define expect(make, expected)                 \
    do {                                       \
        struct trace_make *of_ = (make);       \
        char *found_ = expect_findings(of_);   \
        assert_string_equal(found_, expected); \
        free(found_);                          \
        trace_make_free(of_);                  \
    } while (0)

#endif
