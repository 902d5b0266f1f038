/* The folder that `run` makes for the traces of one run, and does not leave behind. One at a time. */
#ifndef ANALYZER_TEMPORARY_H
#define ANALYZER_TEMPORARY_H

#include <stdbool.h>

/* Makes one in `parent`; NULL with errno. What others left there whose owner is gone is removed before. */
char *temporary_make(const char *parent);
/* From now on the signals that end us, which family_run() has blocked, remove it first. False: there is none. */
bool temporary_guard(void);
/* It is to stay, or has been removed: nobody removes it any more. */
void temporary_release(void);

#endif
