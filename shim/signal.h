/* Signals: deferral while the guard is up, the handlers as the host sees them, fatal signals. See signal.c. */
#ifndef SHIM_SIGNAL_H
#define SHIM_SIGNAL_H

#include "shim/shim.h"

/* In a handler: true if the guard is up in this thread. Then the signal comes again when it is down; return at once. */
bool signal_put_off(const void *info, void *context);

/* From now on a fatal signal that the host leaves at its default ends the record and makes the report. Guard up. */
void signal_watch_fatal(void);
/* Has the program a handler for any signal? */
bool signal_handled(void);
/* What stands for the signal as an object; 0: for any signal. */
uintptr_t signal_address(int number);
/* The caller took this signal without a handler. Guard up. */
void signal_take(struct thread *thread, int number, uintptr_t pc);
/* The caller took a signal without a handler: it is after whoever sent one. Guard up. */
void signal_learn(struct thread *thread, uintptr_t pc);

#endif
