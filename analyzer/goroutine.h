/*
 * What several detectors and the reports want to know of a goroutine: is it the program's own, which test does it belong
 * to.
 */
#ifndef ANALYZER_GOROUTINE_H
#define ANALYZER_GOROUTINE_H

#include "analyzer/analysis.h"

bool goroutine_is(const struct analysis *analysis, uint32_t task);
/* Made by a go statement in the program's own code: not by the runtime, nor by a library for purposes of its own. */
bool goroutine_own(const struct analysis *analysis, uint32_t task);
/* "TestFetch/slow": the test in whose call it, or an ancestor of it, was made; NULL: in none. */
char *goroutine_test(const struct analysis *analysis, uint32_t task);
/* Sets what a finding says of goroutines: whether it is about any, and the tests they belong to. */
void goroutine_mark(const struct analysis *analysis, struct finding *finding);

#endif
