/* What unit tests of detectors compare: see expect_make.h. */
#include "analyzer/expect_make.h"

#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/report.h"

char *expect_findings(struct trace_make *make)
{
    struct options options;
    struct report report = {.options = &options};
    char *error = NULL, *text = memory_text("");
    options_default(&options);
    trace_make_write(make);
    if (!report_trace(&report, make->path, &error)) {
        free(text);
        return error;
    }
    for (uint32_t i = 0; i < report.item_count; i++) {
        const struct finding *finding = report.items[i].finding;
        char *longer = memory_format("%s%s %s %s", text, finding_kind_word(finding->kind),
                                     finding->rule, finding_certainty_word(finding->certainty));
        if (finding->count > 1) {
            char *counted = memory_format("%s x%u", longer, finding->count);
            free(longer);
            longer = counted;
        }
        free(text);
        text = memory_format("%s; ", longer);
        free(longer);
    }
    report_free(&report);
    return text;
}
