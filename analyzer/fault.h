/* Pages of mapped files that have no bytes: a file was cut while it is read, or has a hole and its disk is full (tmpfs). */
#ifndef ANALYZER_FAULT_H
#define ANALYZER_FAULT_H

#include <stdint.h>

/* From now on such a page is one of zeros, instead of our end by SIGBUS. */
void fault_guard(void);
/* How many there were. */
uint32_t fault_count(void);

#endif
